"""What runs next: lanes, batches, adaptive prefetch. No I/O."""
