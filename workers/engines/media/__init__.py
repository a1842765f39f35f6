"""What callers sent, decoded apart and under limits; what is drawn onto it."""
