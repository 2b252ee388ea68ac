"""The words of the house as frozen values: what a call, an event, a recording, an account *is*. Imports `base` only."""
