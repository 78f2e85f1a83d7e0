"""What is done with promotions and priced carts: returns, offers that are near, checks, comparisons."""
