// What the device, the checksum and memory of this machine allow, measured through the same ports
// that the broker uses: sequential direct writes and reads, the latency of a sync after 16 KiB on a
// recycled file, CRC-32C and copying. Each figure is one number to hold a ratio against.
import { KiB, MiB } from '../../base/units.ts'
import { createCrypto } from '../../platform/crypto.ts'
import { openDisk } from '../../platform/disk.ts'
import { pageAlignedMemory } from '../../ports/disk.ts'
import type { Disk, DiskFile } from '../../ports/disk.ts'

const PIECE_BYTES = MiB
const AT_ONCE = 4
const SYNCS = 200
const SYNC_BYTES = 16 * KiB
const MEMORY_ROUNDS = 2000

/** What `bench limits` prints. */
export interface Limits {
  /** False where the file system has no direct I/O and the page cache took part. */
  readonly direct: boolean
  readonly writeMibPerS: number
  readonly readMibPerS: number
  readonly syncP50Us: number
  readonly syncP99Us: number
  readonly crc32cMibPerS: number
  readonly copyMibPerS: number
}

/** Measures in `directory`, with a file of `mib` MiB that is gone afterwards. */
export async function measureLimits(directory: string, mib: number): Promise<Limits> {
  const disk = await openDisk(directory)
  const memory = pageAlignedMemory(AT_ONCE * PIECE_BYTES)
  for (let i = 0; i < memory.length; i++) memory[i] = i * 31
  const sequential = await measureSequential(disk, memory, mib)
  const syncs = await measureSyncs(disk, memory)
  const crypto = createCrypto()
  const piece = memory.subarray(0, SYNC_BYTES)
  const target = new Uint8Array(4 * MiB)
  return {
    ...sequential,
    ...syncs,
    crc32cMibPerS: mibPerS(SYNC_BYTES, () => void crypto.crc32c(piece)),
    copyMibPerS: mibPerS(MiB, (round) => target.set(memory.subarray(0, MiB), (round % 4) * MiB)),
  }
}

async function measureSequential(
  disk: Disk,
  memory: Uint8Array,
  mib: number,
): Promise<Pick<Limits, 'direct' | 'writeMibPerS' | 'readMibPerS'>> {
  const file = await disk.open('sequential', { mode: 'create', direct: true })
  const { direct } = file
  const piece = (lane: number): Uint8Array =>
    memory.subarray(lane * PIECE_BYTES, (lane + 1) * PIECE_BYTES)
  const writeMs = await timed(async () => {
    await inLanes(mib, (index, lane) => file.writeBehind(index * PIECE_BYTES, piece(lane)))
    await file.sync()
  })
  const readMs = await timed(() =>
    inLanes(mib, async (index, lane) => {
      await file.read(index * PIECE_BYTES, piece(lane))
    }),
  )
  await file.close()
  await disk.remove('sequential')
  const rate = (ms: number): number => Math.round(mib / (ms / 1000))
  return { direct, writeMibPerS: rate(writeMs), readMibPerS: rate(readMs) }
}

async function measureSyncs(
  disk: Disk,
  memory: Uint8Array,
): Promise<Pick<Limits, 'syncP50Us' | 'syncP99Us'>> {
  const file = await disk.open('syncs', { mode: 'create' })
  const bytes = memory.subarray(0, SYNC_BYTES)
  const one = async (file: DiskFile, index: number): Promise<void> => {
    file.writeNow(index * SYNC_BYTES, [bytes])
    await file.sync()
  }
  // The first round allocates the blocks, the second is measured.
  for (let i = 0; i < SYNCS; i++) file.writeNow(i * SYNC_BYTES, [bytes])
  await file.sync()
  const us: number[] = []
  for (let i = 0; i < SYNCS; i++) us.push((await timed(() => one(file, i))) * 1000)
  await file.close()
  await disk.remove('syncs')
  us.sort((a, b) => a - b)
  const at = (share: number): number => Math.round(us[Math.floor(us.length * share)] ?? 0)
  return { syncP50Us: at(0.5), syncP99Us: at(0.99) }
}

/** Runs `work` for [0, count), `AT_ONCE` at a time; a lane never overlaps with itself. */
async function inLanes(
  count: number,
  work: (index: number, lane: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const run = async (lane: number): Promise<void> => {
    while (next < count) await work(next++, lane)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => run(lane)))
}

function mibPerS(bytes: number, work: (round: number) => void): number {
  for (let round = 0; round < MEMORY_ROUNDS / 4; round++) work(round)
  const started = performance.now()
  for (let round = 0; round < MEMORY_ROUNDS; round++) work(round)
  const seconds = (performance.now() - started) / 1000
  return Math.round((bytes * MEMORY_ROUNDS) / MiB / seconds)
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}
