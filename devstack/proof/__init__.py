"""Did the service do what its command log says? A load, a sender, and a checker with the pure model.

For the demo, the fault tests and the chaos program alike.
"""
