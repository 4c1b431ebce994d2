"""What models of pictures share: reading them, drawing into them, and getting hold of their weights."""
