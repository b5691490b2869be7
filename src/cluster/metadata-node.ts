// This node's part in the metadata quorum: the Raft driver over its storage, and the image that the
// committed entries fold into. One broker is a quorum of one and leads it before `open` returns;
// the same code follows a leader elsewhere once there are peers to send to.
import { OperatingError } from '../base/errors.ts'
import { term } from '../base/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Disk } from '../ports/disk.ts'
import type { ControllerLog } from './controller.ts'
import { applyEntry } from './image-apply.ts'
import { ClusterImage } from './image.ts'
import { RaftDriver } from './raft/raft-driver.ts'
import type { RaftStorageOptions } from './raft/raft-storage.ts'
import { membership } from '../raft/membership.ts'
import { RaftStorage } from './raft/raft-storage.ts'
import type { MetadataRecord } from './records.ts'
import { decodeEntry } from './records.ts'
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts'

const DIRECTORY = 'raft'
const TICK_MS = 50
const LOG_FILE_BYTES = 4 * 1024 * 1024
const SNAPSHOT_AFTER_BYTES = 8 * 1024 * 1024
const KEEP_ENTRIES = 1000

/** What a node is made of. */
export interface MetadataNodeDeps {
  readonly disk: Disk
  readonly clock: Clock
  readonly crypto: Crypto
  readonly nodeId: number
  /** Called with the records of each entry once the image has them, and the image before them. */
  onApplied(records: readonly MetadataRecord[], image: ClusterImage, before: ClusterImage): void
  /** This node's part has ended; nothing is committed any more. */
  onFailure(error: Error): void
}

/** The metadata of the cluster as this node has it. */
export class MetadataNode implements ControllerLog {
  readonly #deps: MetadataNodeDeps
  #driver: RaftDriver | null = null
  #image = ClusterImage.empty()

  private constructor(deps: MetadataNodeDeps) {
    this.#deps = deps
  }

  /**
   * Recovers the node, or founds a quorum of one in a fresh directory. Throws `corrupt` or
   * `refused` with a sentence when the directory cannot be used.
   */
  static async open(deps: MetadataNodeDeps): Promise<MetadataNode> {
    const node = new MetadataNode(deps)
    await node.#start()
    return node
  }

  async #start(): Promise<void> {
    const { disk, crypto, clock, nodeId } = this.#deps
    const options: RaftStorageOptions = {
      disk,
      crypto,
      directory: DIRECTORY,
      logFileBytes: LOG_FILE_BYTES,
    }
    // Raft counts nodes from 1; brokers from 0.
    const raftId = nodeId + 1
    let opened = await RaftStorage.open(options)
    if (opened === null) {
      const diskId = seed(crypto)
      const members = membership([{ id: raftId, disk: diskId }])
      await RaftStorage.format(options, { nodeId: raftId, diskId, members })
      opened = await RaftStorage.open(options)
    }
    if (opened === null) throw new OperatingError('broken', 'Cannot read back what was just made')
    this.#driver = new RaftDriver({
      raft: {
        seed: seed(crypto),
        electionTicks: 4,
        heartbeatTicks: 1,
        snapshotTicks: 100,
        appendBytesMax: 1024 * 1024,
        inflightMax: 64,
        uncommittedBytesMax: 64 * 1024 * 1024,
        readsMax: 1024,
      },
      storage: opened.storage,
      recovered: opened.recovered,
      clock,
      tickMs: TICK_MS,
      snapshotAfterBytes: SNAPSHOT_AFTER_BYTES,
      keepEntries: KEEP_ENTRIES,
      send: () => undefined,
      apply: (entry) => {
        const records = decodeEntry(entry.data)
        const position = { index: entry.index, term: entry.term }
        const before = this.#image
        this.#image = applyEntry(before, records, position)
        this.#deps.onApplied(records, this.#image, before)
      },
      restore: (snapshot) => {
        this.#image = decodeSnapshot(snapshot.data)
      },
      takeSnapshot: () => encodeSnapshot(this.#image),
      onLeadership: () => undefined,
      onFailure: (error) => {
        const text = `The metadata log has failed: ${String(error)}`
        this.#deps.onFailure(new OperatingError('broken', text, error))
      },
    })
    await this.#driver.start()
  }

  image(): ClusterImage {
    return this.#image
  }

  leadingTerm(): number | null {
    const now = this.#driver?.leadership
    return now !== undefined && now.leading ? now.term : null
  }

  propose(entry: Uint8Array): Promise<unknown> {
    const driver = this.#driver
    if (driver === null) return Promise.reject(new OperatingError('retry', 'Not started yet'))
    return driver.propose(entry)
  }

  /** Writes what is to be written and closes the storage. */
  async close(): Promise<void> {
    await this.#driver?.close()
  }
}

/** 32 random bits, never 0. */
function seed(crypto: Crypto): number {
  const bytes = crypto.randomBytes(4)
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) || term(1)
}
