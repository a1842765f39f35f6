"""Workers of one pool, which write down what is done with them."""
