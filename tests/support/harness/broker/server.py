"""Acts of a broker or its operator on connections, channels and queues. All block."""

from typing import Final

from predictmq.local.rabbitmq.broker import PrivateBroker

CONNECTIONS: Final = """
    [element(2, lists:keyfind(pid, 1, Connection))
     || Connection <- rabbit_networking:connection_info_all([pid, vhost, client_properties]),
        lists:member({{vhost, <<"{vhost}">>}}, Connection),
        lists:member({{<<"connection_name">>, longstr, <<"{name}">>}},
                     element(2, lists:keyfind(client_properties, 1, Connection)))]
"""

CHANNELS: Final = """
    [element(2, lists:keyfind(pid, 1, Channel))
     || Channel <- rabbit_channel:info_all([pid, vhost, number]),
        lists:member({{vhost, <<"{vhost}">>}}, Channel),
        lists:member({{number, {number}}}, Channel)]
"""

REFUSED: Final = """
    {'queue.declare', 0, <<"no such queue">>, true, false, false, false, false, []}
"""
"""A passive declare that makes the broker close the channel, as if the client had sent it."""

NO_MESSAGES: Final = r"^(predictions\.|amq\.gen)"
"""The ``writing_to`` of a user who may declare and bind but not publish, which goes by
way of ``amq.default``."""

EXCLUSIVE: Final = "amq.gen-"
"""The beginning of the names that the broker gives queues."""


def close_connections(broker: PrivateBroker, vhost: str, name: str) -> int:
    """Close all connections of that name; returns how many there were."""
    pids = CONNECTIONS.format(vhost=vhost, name=name)
    return _for_each(broker, pids, 'rabbit_networking:close_connection(Pid, "maintenance")')


def close_channels(broker: PrivateBroker, vhost: str, number: int) -> int:
    """Close the channel of that number on each connection; returns how many there were.

    The broker does it itself and tells the client why (404), as with any channel it closes.
    """
    pids = CHANNELS.format(vhost=vhost, number=number)
    return _for_each(broker, pids, f"rabbit_channel:do(Pid, {REFUSED})")


def own_queues(broker: PrivateBroker, vhost: str) -> dict[str, set[str]]:
    """Return the exclusive queues of all services by the exchange of their binding; "" for none."""
    listed = broker.ctl("list_bindings", "--vhost", vhost, "source_name", "destination_name")
    exchange_of: dict[str, str] = {}
    for line in listed.splitlines():
        exchange, _, queue = line.partition("\t")
        if queue.startswith(EXCLUSIVE):
            exchange_of[queue] = exchange or exchange_of.get(queue, "")
    queues: dict[str, set[str]] = {}
    for queue, exchange in exchange_of.items():
        queues.setdefault(exchange, set()).add(queue)
    return queues


def delete_queues(broker: PrivateBroker, vhost: str, queues: set[str]) -> int:
    """Delete queues, also those with consumers; returns how many."""
    for queue in queues:
        broker.ctl("delete_queue", "--vhost", vhost, queue)
    return len(queues)


def permit(
    broker: PrivateBroker, vhost: str, *, writing_to: str = ".*", all_else: str = ".*"
) -> None:
    """Give the services' user these permissions, as regular expressions of names.

    A channel remembers those it has asked for: new ones count for a new connection.
    """
    broker.ctl("set_permissions", "--vhost", vhost, broker.user, all_else, writing_to, all_else)


def _for_each(broker: PrivateBroker, pids: str, call: str) -> int:
    """Make a call for each ``Pid`` of a list; returns the length of the list."""
    done = broker.ctl("eval", f"length([{call} || Pid <- {pids}]).")  # one start of the tool
    return int(done)
