"""confluent-kafka: what current librdkafka does by itself, checked byte for byte."""
import threading
import time
import uuid

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from checks import check, equal, run_all


ADMINS = {}


def admin(bootstrap):
    """One for all: a client that nobody holds ends with its requests unanswered."""
    if bootstrap not in ADMINS:
        ADMINS[bootstrap] = AdminClient({"bootstrap.servers": bootstrap})
    return ADMINS[bootstrap]


def topic(bootstrap, partitions=1, **config):
    name = f"py-{uuid.uuid4().hex[:10]}"
    admin(bootstrap).create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(15)
    return name


def produce(bootstrap, name, records, partition=0, **config):
    """Sends (key, value, headers) and gives back the offsets in order."""
    told = [None] * len(records)

    def heard(at):
        def on_delivery(error, message):
            told[at] = error if error is not None else message.offset()

        return on_delivery

    producer = Producer({"bootstrap.servers": bootstrap, **config})
    for at, (key, value, headers) in enumerate(records):
        producer.produce(
            name, value, key, partition, headers=headers, timestamp=1_700_000_000_000 + at,
            on_delivery=heard(at),
        )
    equal(producer.flush(30), 0)
    return told


def consumer(bootstrap, group=None, **config):
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group or f"g-{uuid.uuid4().hex[:8]}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **config,
        }
    )


def take(reader, count, seconds=30):
    found, until = [], time.monotonic() + seconds
    while len(found) < count and time.monotonic() < until:
        message = reader.poll(0.5)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        found.append(message)
    equal(len(found), count)
    return found


def read(bootstrap, name, count, offset=0, partition=0, **config):
    reader = consumer(bootstrap, **config)
    reader.assign([TopicPartition(name, partition, offset)])
    try:
        return take(reader, count)
    finally:
        reader.close()


def seen(message):
    return (message.key(), message.value(), message.headers() or [])


MIXED = [
    (b"k", b"v", []),
    (None, b"no key", []),
    (b"null value", None, []),
    (b"", b"", []),
    (b"\x00\xff" * 50, bytes(range(256)) * 4, [("h", b"1"), ("h", b"2"), ("empty", b""), ("null", None)]),
    ("ключ".encode(), "値".encode(), [("заголовок", b"\x00")]),
    (b"long", b"x" * 50_000, []),
]


def codec_check(codec):
    def run(bootstrap):
        name = topic(bootstrap)
        records = MIXED * 20
        equal(
            produce(bootstrap, name, records, **{"compression.type": codec, "linger.ms": 20}),
            list(range(len(records))),
        )
        found = read(bootstrap, name, len(records))
        equal([seen(message) for message in found], records)
        equal([message.offset() for message in found], list(range(len(records))))
        equal(found[5].timestamp()[1], 1_700_000_000_005)

    run.__doc__ = f"compression {codec} comes back as it went"
    check(run)


for each in ("none", "gzip", "snappy", "lz4", "zstd"):
    codec_check(each)


def acks_check(acks):
    def run(bootstrap):
        name = topic(bootstrap)
        produce(bootstrap, name, MIXED, acks=acks)
        equal([seen(message) for message in read(bootstrap, name, len(MIXED))], MIXED)

    run.__doc__ = f"acks {acks}"
    check(run)


for each in (0, 1, "all"):
    acks_check(each)


@check
def idempotent(bootstrap):
    """an idempotent producer, many batches in flight"""
    name = topic(bootstrap)
    records = [(b"%d" % at, b"v%d" % at, []) for at in range(5000)]
    config = {"enable.idempotence": True, "batch.num.messages": 50, "linger.ms": 5}
    equal(produce(bootstrap, name, records, **config), list(range(5000)))
    equal([seen(message) for message in read(bootstrap, name, 5000)], records)


@check
def large(bootstrap):
    """a record of nearly 1 MiB is taken, one above max.message.bytes is refused by name"""
    name = topic(bootstrap)
    config = {"message.max.bytes": 3_000_000}
    equal(produce(bootstrap, name, [(None, b"a" * 1_000_000, [])], **config), [0])
    equal(len(read(bootstrap, name, 1)[0].value()), 1_000_000)
    (refused,) = produce(bootstrap, name, [(None, b"b" * 2_000_000, [])], **config)
    equal(refused.code(), KafkaError.MSG_SIZE_TOO_LARGE)
    # Fetched by a consumer whose limits are below the record: at least one batch must come.
    small = {"fetch.message.max.bytes": 1000, "fetch.max.bytes": 1_000_100, "message.max.bytes": 1000}
    equal(len(read(bootstrap, name, 1, **small)[0].value()), 1_000_000)


@check
def positions(bootstrap):
    """offsets: middle, end, out of range, by time, watermarks, seek"""
    name = topic(bootstrap)
    produce(bootstrap, name, [(b"%d" % at, b"v", []) for at in range(100)], **{"batch.num.messages": 10})
    equal(read(bootstrap, name, 3, offset=42)[0].offset(), 42)
    reader = consumer(bootstrap)
    equal(reader.get_watermark_offsets(TopicPartition(name, 0), timeout=10), (0, 100))
    (at,) = reader.offsets_for_times([TopicPartition(name, 0, 1_700_000_000_033)], timeout=10)
    equal(at.offset, 33)
    (none,) = reader.offsets_for_times([TopicPartition(name, 0, 1_800_000_000_000)], timeout=10)
    equal(none.offset, -1)
    reader.assign([TopicPartition(name, 0, 5000)])
    equal(take(reader, 1)[0].offset(), 0)
    reader.seek(TopicPartition(name, 0, 90))
    equal(take(reader, 10)[-1].offset(), 99)
    reader.pause([TopicPartition(name, 0)])
    equal(reader.poll(0.3), None)
    reader.close()


@check
def commits(bootstrap):
    """a group resumes where it committed, with metadata; committed offsets are listed"""
    name, group = topic(bootstrap), f"g-{uuid.uuid4().hex[:8]}"
    produce(bootstrap, name, [(None, b"%d" % at, []) for at in range(20)])
    first = consumer(bootstrap, group)
    first.subscribe([name])
    take(first, 5)
    first.commit(offsets=[TopicPartition(name, 0, 7, metadata="seven")], asynchronous=False)
    (told,) = first.committed([TopicPartition(name, 0)], timeout=10)
    equal((told.offset, told.metadata), (7, "seven"))
    first.close()
    second = consumer(bootstrap, group)
    second.subscribe([name])
    equal(take(second, 1)[0].offset(), 7)
    second.close()


def rebalance_check(strategy, protocol_config):
    def run(bootstrap):
        name, group = topic(bootstrap, 4), f"g-{uuid.uuid4().hex[:8]}"
        for partition in range(4):
            produce(bootstrap, name, [(None, b"%d" % at, []) for at in range(10)], partition)
        config = {"partition.assignment.strategy": strategy, "session.timeout.ms": 6000, **protocol_config}
        readers = [consumer(bootstrap, group, **config) for _ in range(2)]
        for reader in readers:
            reader.subscribe([name])
        until = time.monotonic() + 30
        shares = []
        while time.monotonic() < until:
            for reader in readers:
                reader.poll(0.1)
            shares = [sorted(each.partition for each in reader.assignment()) for reader in readers]
            if [len(share) for share in shares] == [2, 2]:
                break
        equal(sorted(shares[0] + shares[1]), [0, 1, 2, 3])
        readers[1].close()
        until = time.monotonic() + 30
        while time.monotonic() < until and len(readers[0].assignment()) < 4:
            readers[0].poll(0.1)
        equal(len(readers[0].assignment()), 4)
        readers[0].close()

    run.__doc__ = f"two members share, one takes over ({strategy})"
    check(run)


for each in ("range", "roundrobin", "cooperative-sticky"):
    rebalance_check(each, {})


@check
def static_member(bootstrap):
    """a static member that comes back keeps its share; a second with its id fences the first"""
    name, group = topic(bootstrap, 2), f"g-{uuid.uuid4().hex[:8]}"
    produce(bootstrap, name, MIXED)
    config = {"group.instance.id": "one", "session.timeout.ms": 10000}
    first = consumer(bootstrap, group, **config)
    first.subscribe([name])
    take(first, len(MIXED))
    first.commit(asynchronous=False)
    first.close()
    again = consumer(bootstrap, group, **config)
    again.subscribe([name])
    produce(bootstrap, name, [(None, b"next", [])])
    equal(take(again, 1)[0].value(), b"next")
    (described,) = [f.result(10) for f in admin(bootstrap).describe_consumer_groups([group]).values()]
    equal([member.group_instance_id for member in described.members], ["one"])
    thief = consumer(bootstrap, group, **config)
    thief.subscribe([name])
    thief.poll(0.1)
    fenced, until = None, time.monotonic() + 20
    while fenced is None and time.monotonic() < until:
        thief.poll(0.1)
        message = again.poll(0.2)
        if message is not None and message.error():
            fenced = message.error().code()
    equal(fenced, KafkaError._FATAL)
    thief.close()
    again.close()


@check
def topics(bootstrap):
    """admin: topics, partitions, ids, and the errors of each by name"""
    client, name = admin(bootstrap), f"adm-{uuid.uuid4().hex[:8]}"

    def error_of(future):
        try:
            future.result(15)
            return None
        except KafkaException as error:
            return error.args[0].code()

    client.create_topics([NewTopic(name, 3, 1, config={"retention.ms": "3600000"})])[name].result(15)
    again = client.create_topics([NewTopic(name, 3, 1)])[name]
    equal(error_of(again), KafkaError.TOPIC_ALREADY_EXISTS)
    bad = client.create_topics([NewTopic("bad name!", 1, 1)])["bad name!"]
    equal(error_of(bad), KafkaError.TOPIC_EXCEPTION)
    many = client.create_topics([NewTopic(f"{name}-r", 1, 9)])[f"{name}-r"]
    equal(error_of(many), KafkaError.INVALID_REPLICATION_FACTOR)
    wrong = client.create_topics([NewTopic(f"{name}-c", 1, 1, config={"retention.ms": "x"})])
    equal(error_of(wrong[f"{name}-c"]), KafkaError.INVALID_CONFIG)
    dry = client.create_topics([NewTopic(f"{name}-v", 1, 1)], validate_only=True)[f"{name}-v"]
    equal(error_of(dry), None)
    equal(f"{name}-v" in client.list_topics(timeout=10).topics, False)
    equal(len(client.list_topics(name, timeout=10).topics[name].partitions), 3)
    client.create_partitions([NewPartitions(name, 5)])[name].result(15)
    equal(len(client.list_topics(name, timeout=10).topics[name].partitions), 5)
    less = client.create_partitions([NewPartitions(name, 2)])[name]
    equal(error_of(less), KafkaError.INVALID_PARTITIONS)
    client.delete_topics([name])[name].result(15)
    equal(error_of(client.delete_topics([name])[name]), KafkaError.UNKNOWN_TOPIC_OR_PART)
    cluster = client.describe_cluster().result(10)
    equal(len(cluster.nodes), 1)


@check
def configs(bootstrap):
    """admin: configs of topics and brokers, whole and one by one"""
    client, name = admin(bootstrap), topic(bootstrap)
    resource = ConfigResource(ResourceType.TOPIC, name)

    def value(key):
        (future,) = client.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
        return future.result(10)[key]

    equal(value("cleanup.policy").value, "delete")
    equal(value("cleanup.policy").is_default, True)
    resource.add_incremental_config(
        ConfigEntry("retention.ms", "7200000", incremental_operation=AlterConfigOpType.SET)
    )
    resource.add_incremental_config(
        ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND)
    )
    (future,) = client.incremental_alter_configs([resource]).values()
    future.result(10)
    equal(value("retention.ms").value, "7200000")
    equal(value("cleanup.policy").value, "delete,compact")
    equal(value("retention.ms").is_default, False)
    broker = ConfigResource(ResourceType.BROKER, "1")
    (future,) = client.describe_configs([broker]).values()
    equal(len(future.result(10)) > 20, True)


@check
def offsets(bootstrap):
    """admin: list offsets, delete records, groups described, altered, deleted"""
    client, name, group = admin(bootstrap), topic(bootstrap), f"g-{uuid.uuid4().hex[:8]}"
    produce(bootstrap, name, [(None, b"%d" % at, []) for at in range(30)])
    part = TopicPartition(name, 0)

    def listed(spec, level=IsolationLevel.READ_UNCOMMITTED):
        (future,) = client.list_offsets({part: spec}, isolation_level=level).values()
        return future.result(10).offset

    equal(listed(OffsetSpec.earliest()), 0)
    equal(listed(OffsetSpec.latest()), 30)
    equal(listed(OffsetSpec.latest(), IsolationLevel.READ_COMMITTED), 30)
    equal(listed(OffsetSpec.max_timestamp()), 29)
    equal(listed(OffsetSpec.for_timestamp(1_700_000_000_010)), 10)
    (future,) = client.delete_records([TopicPartition(name, 0, 12)]).values()
    equal(future.result(10).low_watermark, 12)
    equal(listed(OffsetSpec.earliest()), 12)
    equal(read(bootstrap, name, 1, offset=0)[0].offset(), 12)
    reader = consumer(bootstrap, group)
    reader.subscribe([name])
    take(reader, 1)
    reader.commit(asynchronous=False)
    listing = client.list_consumer_groups().result(10)
    equal(group in [each.group_id for each in listing.valid], True)
    (future,) = client.describe_consumer_groups([group]).values()
    equal(future.result(10).state.name, "STABLE")
    reader.close()
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(name, 0, 20)])
    (future,) = client.alter_consumer_group_offsets([wanted]).values()
    equal(future.result(10).topic_partitions[0].error, None)
    (future,) = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    equal([each.offset for each in future.result(10).topic_partitions], [20])
    (future,) = client.delete_consumer_groups([group]).values()
    future.result(10)
    (future,) = client.describe_consumer_groups([group]).values()
    equal(future.result(10).state.name, "DEAD")


@check
def missing(bootstrap):
    """a topic made by its first record, and one that is not there"""
    name = f"auto-{uuid.uuid4().hex[:8]}"
    equal(produce(bootstrap, name, MIXED), list(range(len(MIXED))))
    reader = consumer(bootstrap, **{"allow.auto.create.topics": False})
    reader.subscribe([f"none-{uuid.uuid4().hex[:8]}"])
    error, until = None, time.monotonic() + 15
    while error is None and time.monotonic() < until:
        message = reader.poll(0.5)
        error = message.error().code() if message is not None and message.error() else None
    equal(error, KafkaError.UNKNOWN_TOPIC_OR_PART)
    reader.close()


@check
def log_append(bootstrap):
    """message.timestamp.type=LogAppendTime stamps the time of the broker, and the CRC still holds"""
    name = topic(bootstrap, **{"message.timestamp.type": "LogAppendTime"})
    before = int(time.time() * 1000)
    produce(bootstrap, name, MIXED)
    found = read(bootstrap, name, len(MIXED), **{"check.crcs": True})
    equal([message.timestamp()[0] for message in found], [2] * len(MIXED))
    equal(all(before - 1000 <= message.timestamp()[1] <= before + 60_000 for message in found), True)
    equal([seen(message) for message in found], MIXED)


@check
def many_producers(bootstrap):
    """eight producers on one partition lose and repeat nothing"""
    name = topic(bootstrap)

    def send(who):
        records = [(b"%d" % who, b"%d" % at, []) for at in range(500)]
        produce(bootstrap, name, records, **{"batch.num.messages": 20, "enable.idempotence": True})

    threads = [threading.Thread(target=send, args=(who,)) for who in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = read(bootstrap, name, 4000)
    for who in range(8):
        mine = [message.value() for message in found if message.key() == b"%d" % who]
        equal(mine, [b"%d" % at for at in range(500)])


run_all("confluent-kafka")
