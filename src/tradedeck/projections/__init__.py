"""What journals said, as tables that people read. The journals stay the truth."""
