"""What households can steer, as pure physics over arrays ``(B, N)``: one module a kind of device."""
