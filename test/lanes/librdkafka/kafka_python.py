"""kafka-python: pure Python, a protocol of its own."""
import uuid

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from checks import check, equal, run_all

RECORDS = [
    (b"k", b"v", []),
    (None, b"no key", []),
    (b"null value", None, []),
    (b"", b"", []),
    (bytes(range(256)), bytes(range(256)) * 8, [("h", b"1"), ("h", b"2")]),
]


def topic(bootstrap, partitions=1):
    name = f"kp-{uuid.uuid4().hex[:10]}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name, partitions, 1)])
    admin.close()
    return name


def round_trip(bootstrap, **config):
    name = topic(bootstrap)
    producer = KafkaProducer(bootstrap_servers=bootstrap, **config)
    sent = [
        producer.send(name, value, key, headers, 0, 1_700_000_000_000 + at)
        for at, (key, value, headers) in enumerate(RECORDS * 20)
    ]
    producer.flush(30)
    if config.get("acks") != 0:
        equal([each.get(10).offset for each in sent], list(range(len(sent))))
    producer.close()
    reader = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=8000)
    part = TopicPartition(name, 0)
    reader.assign([part])
    reader.seek(part, 0)
    found = [next(reader) for _ in sent]
    equal([(each.key, each.value, list(each.headers)) for each in found], RECORDS * 20)
    equal(reader.offsets_for_times({part: 1_700_000_000_007})[part].offset, 7)
    equal(reader.end_offsets([part])[part], len(sent))
    reader.close()


def codec_check(codec):
    def run(bootstrap):
        round_trip(bootstrap, compression_type=codec)

    run.__doc__ = f"compression {codec} comes back as it went"
    check(run)


for each in (None, "gzip", "snappy", "lz4", "zstd"):
    codec_check(each)


@check
def acks_0(bootstrap):
    """acks 0"""
    round_trip(bootstrap, acks=0, enable_idempotence=False)


@check
def acks_1(bootstrap):
    """acks 1"""
    round_trip(bootstrap, acks=1, enable_idempotence=False)


@check
def group(bootstrap):
    """a group commits and resumes"""
    name, group_id = topic(bootstrap, 2), f"g-{uuid.uuid4().hex[:8]}"
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for at in range(20):
        producer.send(name, b"%d" % at, partition=at % 2)
    producer.flush(30)
    seen = []
    for count in (8, 12):
        reader = KafkaConsumer(
            name, bootstrap_servers=bootstrap, group_id=group_id, auto_offset_reset="earliest",
            enable_auto_commit=False, consumer_timeout_ms=15000, max_poll_records=1,
        )
        for _ in range(count):
            seen.append(int(next(reader).value))
            reader.commit()
        reader.close()
    equal(sorted(seen), list(range(20)))
    producer.close()


@check
def admin_calls(bootstrap):
    """admin: topics, groups, configs"""
    name = topic(bootstrap, 3)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    equal(name in admin.list_topics(), True)
    equal(len(admin.describe_topics([name])[0]["partitions"]), 3)
    admin.list_groups()
    admin.delete_topics([name])
    equal(name in admin.list_topics(), False)
    admin.close()


run_all("kafka-python")
