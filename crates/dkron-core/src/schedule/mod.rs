//! When: parsing of schedules and arithmetic on them.
