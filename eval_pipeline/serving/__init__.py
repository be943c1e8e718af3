"""What our HTTP servers share: who may connect, and the security headers of their answers."""
