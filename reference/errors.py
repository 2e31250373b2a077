"""What the engine refuses."""


class EngineError(ValueError):
    """An array or a configuration that the engine cannot work with; the message names it and what is accepted."""
