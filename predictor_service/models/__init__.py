"""The models that ship, and the names that a model may import: ``InvalidInput`` and ``Report``."""

from common.errors import InvalidInput
from predictor_service.models.report import Report

__all__ = ["InvalidInput", "Report"]
