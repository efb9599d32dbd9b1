from hypothesis import HealthCheck, settings

# The first text drawn builds Hypothesis' table of characters, which takes a second on a busy machine.
settings.register_profile("wire", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wire")
