"""Pretrained networks: the catalogue, the weights and the features."""
