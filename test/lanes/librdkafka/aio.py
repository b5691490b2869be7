"""aiokafka: asyncio, old protocol versions."""
import asyncio
import uuid

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from checks import check, equal, run_all

RECORDS = [
    (b"k", b"v", []),
    (None, b"no key", []),
    (b"null value", None, []),
    (b"", b"", []),
    (bytes(range(256)), bytes(range(256)) * 8, [("h", b"1"), ("h", b"2")]),
]


async def topic(bootstrap, partitions=1):
    name = f"aio-{uuid.uuid4().hex[:10]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, partitions, 1)])
    await admin.close()
    return name


async def round_trip(bootstrap, **config):
    name = await topic(bootstrap)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, **config) as producer:
        sent = [
            await producer.send(name, value, key, 0, 1_700_000_000_000 + at, headers)
            for at, (key, value, headers) in enumerate(RECORDS * 20)
        ]
        await producer.flush()
        told = [await each for each in sent]
        if config.get("acks") != 0:
            equal([each.offset for each in told], list(range(len(sent))))
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as reader:
        part = TopicPartition(name, 0)
        reader.assign([part])
        reader.seek(part, 0)
        found = [await asyncio.wait_for(reader.getone(), 15) for _ in sent]
        equal([(each.key, each.value, list(each.headers)) for each in found], RECORDS * 20)
        at = await reader.offsets_for_times({part: 1_700_000_000_007})
        equal(at[part].offset, 7)


def codec_check(codec):
    def run(bootstrap):
        asyncio.run(round_trip(bootstrap, compression_type=codec))

    run.__doc__ = f"compression {codec} comes back as it went"
    check(run)


for each in (None, "gzip", "snappy", "lz4", "zstd"):
    codec_check(each)


def acks_check(acks):
    def run(bootstrap):
        asyncio.run(round_trip(bootstrap, acks=acks))

    run.__doc__ = f"acks {acks}"
    check(run)


for each in (0, 1, "all"):
    acks_check(each)


@check
def idempotent(bootstrap):
    """an idempotent producer"""
    asyncio.run(round_trip(bootstrap, enable_idempotence=True))


async def share(bootstrap):
    name, group_id = await topic(bootstrap, 4), f"g-{uuid.uuid4().hex[:8]}"

    def member():
        return AIOKafkaConsumer(
            name, bootstrap_servers=bootstrap, group_id=group_id, auto_offset_reset="earliest",
            enable_auto_commit=False, heartbeat_interval_ms=200, rebalance_timeout_ms=5000,
        )

    first, second = member(), member()
    await first.start()
    await second.start()
    for _ in range(300):
        await first.getmany(timeout_ms=50)
        await second.getmany(timeout_ms=50)
        if [len(first.assignment()), len(second.assignment())] == [2, 2]:
            break
    equal([len(first.assignment()), len(second.assignment())], [2, 2])
    await second.stop()
    for _ in range(300):
        await first.getmany(timeout_ms=50)
        if len(first.assignment()) == 4:
            break
    equal(len(first.assignment()), 4)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(name, b"x", partition=3)
    equal((await asyncio.wait_for(first.getone(), 15)).value, b"x")
    await first.commit()
    equal(await first.committed(TopicPartition(name, 3)), 1)
    await first.stop()


@check
def group(bootstrap):
    """two members share, one takes over and commits"""
    asyncio.run(share(bootstrap))


run_all("aiokafka")
