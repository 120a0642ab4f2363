"""Pictures: each function takes and returns matplotlib Axes; nothing above this room imports it at load."""
