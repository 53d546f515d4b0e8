"""What lessons 06 and later train and measure: small models, their batches, and the figures taken of them."""
