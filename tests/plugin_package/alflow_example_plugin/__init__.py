"""What a package of another group looks like that adds one variant to each room."""
