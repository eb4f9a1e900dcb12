"""From a finished run to a zoo entry: add, convert, check, push, cards."""
