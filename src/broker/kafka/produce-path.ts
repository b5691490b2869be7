// The way of a produce request: read where it lies, each partition's batch appended before the next
// request is looked at, answered when every partition has what its acks ask for. The usual request,
// one partition, costs no list and no object but a slot that is used again.
import { ErrorCode } from '../../base/error-codes.ts'
import { FormatError } from '../../base/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Counter } from '../../ports/telemetry.ts'
import type { AppendOutcome } from '../../replication/partition.ts'
import type { Leader } from '../../replication/leader.ts'
import { ProduceRequestCursor } from '../../wire/fast/produce-request.ts'
import type { ProducedPartition, ProducedTopic } from '../../wire/fast/produce-response.ts'
import { produceResponseBytes, writeProduceResponse } from '../../wire/fast/produce-response.ts'
import type { ProduceFrame, RequestSource } from './connection-host.ts'
import type { Partitions, TopicEntry } from '../partitions.ts'
import type { ResponseSlot } from './response-queue.ts'

const FIRST_TOPIC_ID = 13
/** Topics and partitions of one request: each costs an answer even if it does not exist. */
const NAMED_MAX = 100_000
const ADMIN_CLIENT = '__admin_client'
const text = new TextDecoder()

/** Counters that every produce request touches. */
export interface ProduceMetrics {
  readonly requests: Counter
  readonly bytes: Counter
  readonly refused: Counter
}

/** What the path works with. */
export interface ProduceDeps {
  readonly partitions: Partitions
  readonly clock: Clock
  readonly metrics: ProduceMetrics
}

/** Handles produce requests of all connections. */
export class ProducePath {
  readonly #partitions: Partitions
  readonly #clock: Clock
  readonly #metrics: ProduceMetrics
  readonly #cursor = new ProduceRequestCursor()
  /** The topic named last: the next request nearly always names the same. */
  #last: TopicEntry | null = null

  constructor(deps: ProduceDeps) {
    this.#partitions = deps.partitions
    this.#clock = deps.clock
    this.#metrics = deps.metrics
  }

  /** Appends what the frame holds; a promise when partitions must be opened first. */
  handle(source: RequestSource, frame: ProduceFrame): Promise<unknown> | null {
    const cursor = this.#cursor
    // Bytes behind the body are skipped, as in Kafka.
    cursor.reset(frame.bytes, frame.body, frame.end, frame.version)
    if (cursor.topicCount + cursor.partitionCount > NAMED_MAX) {
      throw new FormatError('A produce request names too many partitions')
    }
    const opening = this.#openAll(frame)
    if (opening !== null) return opening
    this.#metrics.requests.value++
    this.#metrics.bytes.value += frame.end - frame.at
    cursor.reset(frame.bytes, frame.body, frame.end, frame.version)
    if (cursor.partitionCount === 1) this.#single(source, frame)
    else this.#many(source, frame)
    return null
  }

  /** Steps over all partitions; null when every one that exists is open. */
  #openAll(frame: ProduceFrame): Promise<unknown> | null {
    const cursor = this.#cursor
    let missing: Promise<unknown>[] | null = null
    while (cursor.nextTopic()) {
      const topic = this.#topic(frame)
      while (cursor.nextPartition()) {
        if (topic === null || topic.leaders[cursor.partition] !== undefined) continue
        if (!this.#partitions.isClosed(topic, cursor.partition)) continue
        missing ??= []
        missing.push(this.#partitions.lead(topic, cursor.partition))
      }
    }
    return missing === null ? null : Promise.all(missing)
  }

  #topic(frame: ProduceFrame): TopicEntry | null {
    const { topicAt, topicEnd, version } = this.#cursor
    const last = this.#last
    if (last !== null && !last.dead) {
      const key = version >= FIRST_TOPIC_ID ? last.idBytes : last.nameBytes
      if (key.length === topicEnd - topicAt && isSame(frame.bytes, topicAt, key)) return last
    }
    const found =
      version >= FIRST_TOPIC_ID
        ? this.#partitions.byIdBytes(frame.bytes, topicAt)
        : this.#partitions.byNameBytes(frame.bytes, topicAt, topicEnd)
    if (found !== null) this.#last = found
    return found
  }

  #single(source: RequestSource, frame: ProduceFrame): void {
    const cursor = this.#cursor
    const { acks, timeoutMs } = cursor
    while (cursor.nextTopic()) {
      const topic = this.#topic(frame)
      while (cursor.nextPartition()) {
        const partition = cursor.partition
        const leader = topic?.leaders[partition]
        const code = this.#refusal(frame, topic, leader)
        if (code !== 0 || leader === undefined || topic === null) {
          this.#answerOne(source, frame, refusedPartition(partition, code, null))
          return
        }
        const batch = frame.bytes.subarray(cursor.recordsAt, cursor.recordsEnd)
        const outcome = leader.append(batch, frame.version)
        if (outcome.code !== 0) {
          this.#answerOne(source, frame, toldPartition(partition, outcome, leader))
          return
        }
        if (acks === 0) return
        this.#acknowledge(source, frame, { topic, leader, outcome, partition, acks, timeoutMs })
      }
    }
  }

  #acknowledge(
    source: RequestSource,
    frame: ProduceFrame,
    to: {
      readonly topic: TopicEntry
      readonly leader: Leader
      readonly outcome: AppendOutcome
      readonly partition: number
      readonly acks: number
      readonly timeoutMs: number
    },
  ): void {
    const { topic, leader, outcome } = to
    const slot = source.responses.take(frame.version, frame.correlationId)
    const key = frame.version >= FIRST_TOPIC_ID ? topic.idBytes : topic.nameBytes
    slot.source = key
    slot.start = 0
    slot.end = key.length
    slot.partition = to.partition
    slot.baseOffset = outcome.baseOffset
    slot.logAppendTimeMs = outcome.logAppendTimeMs
    slot.logStartOffset = leader.log.logStart
    slot.throttleTimeMs = 0
    const done = (code: number): void => {
      if (source.closed) return
      if (code === 0) slot.state = 1
      else this.#fillOne(slot, key, refusedPartition(to.partition, code, null))
      source.answered()
    }
    if (to.acks === 1) leader.appended(outcome.endOffset, done)
    else leader.acknowledged(outcome.endOffset, this.#clock.monotonicMs() + to.timeoutMs, done)
  }

  /** Why the current partition is refused before its batch is looked at; 0 when it is not. */
  #refusal(frame: ProduceFrame, topic: TopicEntry | null, leader: Leader | undefined): number {
    const { acks, partition, recordsAt, version } = this.#cursor
    if (acks < -1 || acks > 1) return ErrorCode.INVALID_REQUIRED_ACKS
    if (topic === null) {
      if (version >= FIRST_TOPIC_ID) return ErrorCode.UNKNOWN_TOPIC_ID
      return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    }
    if (leader === undefined) {
      const described = this.#partitions.describe(topic.id, partition)
      if (described === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      const broken = this.#partitions.isBroken(topic.id, partition)
      return broken ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NOT_LEADER_OR_FOLLOWER
    }
    if (topic.internal && clientIdOf(frame) !== ADMIN_CLIENT) {
      return ErrorCode.INVALID_TOPIC_EXCEPTION
    }
    if (recordsAt < 0) return ErrorCode.INVALID_RECORD
    // No transaction can be open: transactional producers get no id from this broker.
    if (this.#cursor.transactionalIdAt >= 0) return ErrorCode.INVALID_TXN_STATE
    return 0
  }

  /** One refused partition: acks=0 learns of it by the connection closing. */
  #answerOne(source: RequestSource, frame: ProduceFrame, partition: ProducedPartition): void {
    const { acks, topicAt, topicEnd } = this.#cursor
    this.#metrics.refused.value++
    if (acks === 0) {
      source.closeAfterAnswers()
      return
    }
    const slot = source.responses.take(frame.version, frame.correlationId)
    this.#fillOne(slot, Uint8Array.from(frame.bytes.subarray(topicAt, topicEnd)), partition)
    source.answered()
  }

  #fillOne(slot: ResponseSlot, key: Uint8Array, partition: ProducedPartition): void {
    this.#fill(slot, [{ source: key, start: 0, end: key.length, partitions: [partition] }])
  }

  #fill(slot: ResponseSlot, topics: readonly ProducedTopic[]): void {
    const produced = { topics, throttleTimeMs: 0, nodeEndpoints: [] }
    const bytes = new Uint8Array(produceResponseBytes(slot.version, produced))
    writeProduceResponse(bytes, 0, slot, produced)
    slot.parts = [bytes]
    slot.state = 2
  }

  #many(source: RequestSource, frame: ProduceFrame): void {
    const cursor = this.#cursor
    const { acks, timeoutMs, partitionCount } = cursor
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs
    const slot = acks === 0 ? null : source.responses.take(frame.version, frame.correlationId)
    const topics: {
      source: Uint8Array
      start: number
      end: number
      partitions: ProducedPartition[]
    }[] = []
    let left = partitionCount
    let failed = false
    const settle = (): void => {
      left--
      if (left > 0 || slot === null || source.closed) return
      this.#fill(slot, topics)
      source.answered()
    }
    while (cursor.nextTopic()) {
      const topic = this.#topic(frame)
      const partitions: ProducedPartition[] = []
      const key = Uint8Array.from(frame.bytes.subarray(cursor.topicAt, cursor.topicEnd))
      topics.push({ source: key, start: 0, end: key.length, partitions })
      while (cursor.nextPartition()) {
        const index = cursor.partition
        const at = partitions.length
        const leader = topic?.leaders[index]
        const code = this.#refusal(frame, topic, leader)
        if (code !== 0 || leader === undefined) {
          partitions.push(refusedPartition(index, code, null))
          failed = true
          settle()
          continue
        }
        const batch = frame.bytes.subarray(cursor.recordsAt, cursor.recordsEnd)
        const outcome = leader.append(batch, frame.version)
        partitions.push(toldPartition(index, outcome, leader))
        if (outcome.code !== 0) {
          failed = true
          settle()
          continue
        }
        const done = (late: number): void => {
          if (late !== 0) partitions[at] = refusedPartition(index, late, null)
          settle()
        }
        if (acks === 1) leader.appended(outcome.endOffset, done)
        else if (acks === -1) leader.acknowledged(outcome.endOffset, deadlineMs, done)
        else settle()
      }
    }
    if (failed) this.#metrics.refused.value++
    if (slot === null && failed) source.closeAfterAnswers()
    if (slot !== null && partitionCount === 0) {
      this.#fill(slot, topics)
      source.answered()
    }
  }
}

function isSame(bytes: Uint8Array, at: number, key: Uint8Array): boolean {
  for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key[i]) return false
  return true
}

function clientIdOf(frame: ProduceFrame): string {
  const at = frame.at + 8
  const length = (((frame.bytes[at] as number) << 24) >> 16) | (frame.bytes[at + 1] as number)
  return length <= 0 ? '' : text.decode(frame.bytes.subarray(at + 2, at + 2 + length))
}

function refusedPartition(index: number, code: number, message: string | null): ProducedPartition {
  return {
    index,
    errorCode: code,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage: message,
    currentLeader: null,
  }
}

function toldPartition(index: number, outcome: AppendOutcome, leader: Leader): ProducedPartition {
  return {
    index,
    errorCode: outcome.code,
    baseOffset: outcome.baseOffset,
    logAppendTimeMs: outcome.logAppendTimeMs,
    logStartOffset: outcome.code === 0 ? leader.log.logStart : -1,
    recordErrors: outcome.badRecordIndexes.map((batchIndex) => ({
      batchIndex,
      batchIndexErrorMessage: outcome.message,
    })),
    errorMessage: outcome.message,
    currentLeader: null,
  }
}
