"""Domains, endpoints and bindings in memory. A store applies a change here after it is durable, on the event loop."""

from collections import Counter
from collections.abc import Callable, Iterable

from trebuchet.base.ids import AccountId, ApplicationId, DomainId, EndpointId
from trebuchet.calls.interfaces import EndpointRoute
from trebuchet.model.application import Application
from trebuchet.model.endpoint import Binding, Domain, Endpoint, EndpointKey, endpoint_key
from trebuchet.store.errors import RowConflict
from trebuchet.store.library_interface import Page
from trebuchet.store.phone_interface import PhoneChanges
from trebuchet.store.registry import slice_page


class PhoneRegistry:
    """Mappings keep the order of creation."""

    def __init__(self) -> None:
        self._domains: dict[DomainId, Domain] = {}
        self._by_host: dict[str, Domain] = {}
        self._endpoints: dict[EndpointId, Endpoint] = {}
        self._by_key: dict[EndpointKey, Endpoint] = {}
        self._bindings: dict[EndpointId, dict[str, Binding]] = {}
        self._hosts: Counter[str] = Counter()
        """How many bindings lead to each address."""

    # --- changes ---

    def check(self, changes: PhoneChanges) -> None:
        """Raises `RowConflict` when a host or a name is taken."""
        hosts = {host: domain.id for host, domain in self._by_host.items()} if changes.domains else {}
        for domain in changes.domains:
            if hosts.setdefault(domain.realm.lower(), domain.id) != domain.id:
                raise RowConflict("a host is taken")
        keys = {key: endpoint.id for key, endpoint in self._by_key.items()} if changes.endpoints else {}
        for endpoint in changes.endpoints:
            if keys.setdefault(endpoint_key(endpoint.name, endpoint.realm), endpoint.id) != endpoint.id:
                raise RowConflict("a name is taken")

    def apply(self, changes: PhoneChanges) -> None:
        for domain in changes.domains:
            self._domains[domain.id] = self._by_host[domain.realm.lower()] = domain
        for endpoint in changes.endpoints:
            self._endpoints[endpoint.id] = self._by_key[endpoint_key(endpoint.name, endpoint.realm)] = endpoint
        for binding in changes.bindings:
            self._put_binding(binding)
        for binding_id in changes.removed_bindings:
            self._remove_binding(binding_id)
        for endpoint_id in changes.removed_endpoints:
            self._remove_endpoint(endpoint_id)
        for domain_id in changes.removed_domains:
            self._remove_domain(domain_id)

    def _put_binding(self, binding: Binding) -> None:
        if binding.endpoint_id not in self._endpoints:
            return
        self._remove_binding(binding.id)
        self._bindings.setdefault(binding.endpoint_id, {})[binding.id] = binding
        self._hosts[binding.remote[0]] += 1

    def _remove_binding(self, binding_id: str) -> None:
        owner = EndpointId(binding_id.partition(" ")[0])
        old = self._bindings.get(owner, {}).pop(binding_id, None)
        if old is None:
            return
        host = old.remote[0]
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        if not self._bindings[owner]:
            del self._bindings[owner]

    def _remove_endpoint(self, endpoint_id: EndpointId) -> None:
        for binding_id in list(self._bindings.get(endpoint_id, ())):
            self._remove_binding(binding_id)
        old = self._endpoints.pop(endpoint_id, None)
        if old is not None:
            self._by_key.pop(endpoint_key(old.name, old.realm), None)

    def _remove_domain(self, domain_id: DomainId) -> None:
        for endpoint in [each for each in self._endpoints.values() if each.domain_id == domain_id]:
            self._remove_endpoint(endpoint.id)
        old = self._domains.pop(domain_id, None)
        if old is not None:
            self._by_host.pop(old.realm.lower(), None)

    # --- answers ---

    @property
    def has_endpoints(self) -> bool:
        return bool(self._endpoints)

    def domain(self, domain_id: DomainId) -> Domain | None:
        return self._domains.get(domain_id)

    def domain_by_host(self, host: str) -> Domain | None:
        return self._by_host.get(host.lower().rstrip("."))

    def domains(self, account_id: AccountId) -> list[Domain]:
        """Newest first."""
        return [domain for domain in reversed(self._domains.values()) if domain.account_id == account_id]

    def endpoint(self, endpoint_id: EndpointId) -> Endpoint | None:
        return self._endpoints.get(endpoint_id)

    def endpoint_at(self, user: str, host: str) -> Endpoint | None:
        """By the parts of its address, as they stand in a URI."""
        return self._by_key.get(endpoint_key(user, host))

    def endpoints(self, domain_id: DomainId) -> list[Endpoint]:
        """Newest first."""
        return [endpoint for endpoint in reversed(self._endpoints.values()) if endpoint.domain_id == domain_id]

    def endpoints_of_application(self, application_id: ApplicationId) -> list[Endpoint]:
        return [endpoint for endpoint in self._endpoints.values() if endpoint.application_id == application_id]

    def bindings_of(self, endpoint_id: EndpointId) -> list[Binding]:
        return list(self._bindings.get(endpoint_id, {}).values())

    def all_bindings(self) -> Iterable[Binding]:
        return [binding for owned in self._bindings.values() for binding in owned.values()]

    def is_phone_host(self, host: str) -> bool:
        """Whether a phone is registered from this address."""
        return host in self._hosts


class PhoneReads:
    """The methods of `PhoneStore`; both engines inherit them. `phones` answers whoever cannot wait."""

    _application: Callable[[ApplicationId], Application | None]

    def __init__(self) -> None:
        super().__init__()
        self.phones = PhoneRegistry()

    async def domain(self, domain_id: DomainId) -> Domain | None:
        return self.phones.domain(domain_id)

    async def domain_by_host(self, host: str) -> Domain | None:
        return self.phones.domain_by_host(host)

    async def domains(self, account_id: AccountId, page: Page) -> list[Domain]:
        return slice_page(self.phones.domains(account_id), page)

    async def count_domains(self, account_id: AccountId) -> int:
        return len(self.phones.domains(account_id))

    async def endpoint(self, endpoint_id: EndpointId) -> Endpoint | None:
        return self.phones.endpoint(endpoint_id)

    async def endpoint_by_name(self, name: str, host: str) -> Endpoint | None:
        return self.phones.endpoint_at(name, host)

    async def endpoints(self, domain_id: DomainId, page: Page) -> list[Endpoint]:
        return slice_page(self.phones.endpoints(domain_id), page)

    async def find_endpoint(self, endpoint_id: EndpointId) -> EndpointRoute | None:
        endpoint = self.phones.endpoint(endpoint_id)
        if endpoint is None:
            return None
        application_id = endpoint.application_id
        return EndpointRoute(endpoint, None if application_id is None else self._application(application_id))

    async def bindings(self, endpoint_id: EndpointId) -> list[Binding]:
        return self.phones.bindings_of(endpoint_id)
