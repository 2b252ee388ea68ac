"""A local world for trying and testing: phones, a carrier and an application on real sockets, all on this machine."""
