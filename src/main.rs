//! Command line to settings to parts to service; the only place that exits.

fn main() {}
