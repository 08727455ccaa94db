"""The models that ship, and what a model may use: to blame its caller, to report its progress."""

from common.errors import InvalidInput
from predictor_service.models.report import Report

__all__ = ["InvalidInput", "Report"]
