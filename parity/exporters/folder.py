"""x"""
def write_export() -> None:
    """x"""
