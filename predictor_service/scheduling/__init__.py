"""The order and the pace of requests: lanes, batches, adaptive prefetch. No I/O."""
