"""SAD, MSE, MAD, gradient and connectivity errors of mattes."""
