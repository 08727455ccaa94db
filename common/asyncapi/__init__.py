"""The AMQP contract as an AsyncAPI document: a pure function of ``common/contract``."""

from common.asyncapi.document import asyncapi

__all__ = ["asyncapi"]
