"""The AMQP contract as an AsyncAPI document: a pure function of what the contract declares."""

from common.asyncapi.document import asyncapi

__all__ = ["asyncapi"]
