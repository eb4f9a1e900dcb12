"""From photos to alpha mattes: strategies, the predictor, output files."""

from aimkit.predict.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]
