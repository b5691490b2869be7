// `tier mirror`: copies an archive into another bucket, with no broker. Run again it brings what is
// new. The other bucket belongs to the same cluster then: it can be verified and restored from, and
// a broker that is told of it may go on with it.
import { Command } from 'commander'
import { OperatingError } from '../../../base/errors.ts'
import { claimBucket, readOwner } from '../../../tier/bucket/claim.ts'
import { copySnapshot } from '../../../tier/bucket/snapshot.ts'
import { copyArchive } from '../../../tier/mirror/copy-archive.ts'
import type { Io } from '../../io.ts'
import { megabytes, printFacts, startProgress } from '../../output.ts'
import type { Services, TierTools } from '../../services.ts'
import { archives } from './archives.ts'

interface MirrorFlags {
  readonly store: string
  readonly to: string
  readonly scan?: true
  readonly json?: true
}

/** The `tier mirror` command. */
export function mirrorCommand(io: Io, services: NonNullable<Services['tier']>): Command {
  return new Command('mirror')
    .description('copy what is archived into another bucket, verified; again for what is new')
    .argument('[topic]')
    .requiredOption('--store <url>', 'the bucket to copy: file:///dir, s3://…, gs://… or az://…')
    .requiredOption('--to <url>', 'an empty bucket or prefix, or one with an earlier copy')
    .option('--scan', 'find partitions by listing all keys, not by the newest snapshot')
    .option('--json', 'print JSON')
    .action(async (topic: string | undefined, flags: MirrorFlags) => {
      const { crypto, clock, openStore } = await services()
      const from = await openStore(flags.store)
      try {
        const to = await openStore(flags.to)
        try {
          await mirror(io, { crypto, clock, from, to }, flags, topic)
        } finally {
          await to.close()
        }
      } finally {
        await from.close()
      }
    })
}

type Stores = Pick<TierTools, 'crypto' | 'clock'> & {
  readonly from: Awaited<ReturnType<TierTools['openStore']>>
  readonly to: Awaited<ReturnType<TierTools['openStore']>>
}

async function mirror(
  io: Io,
  ports: Stores,
  flags: MirrorFlags,
  topic: string | undefined,
): Promise<void> {
  const { from, to, crypto } = ports
  const owner = await readOwner(from)
  if (owner === null) {
    throw new OperatingError(
      'absent',
      `${from.traits.url} is no archive: it has no cluster.json; check bucket and prefix`,
    )
  }
  await claimBucket(to, crypto, owner)
  const progress = startProgress(io, 'copied')
  let partitions = 0
  let segments = 0
  let bytes = 0
  for await (const one of archives({ store: from, crypto }, { scan: flags.scan === true })) {
    if ('fault' in one) throw new OperatingError('corrupt', `${one.key}: ${one.text}`)
    if (topic !== undefined && one.topicName !== topic) continue
    const copied = await copyArchive(ports, one, (soFar) => {
      progress.show(segments + soFar.segments, bytes + soFar.bytes)
    })
    partitions++
    segments += copied.segments
    bytes += copied.bytes
  }
  progress.clear()
  if (topic !== undefined && partitions === 0) {
    throw new OperatingError('absent', `Topic ${topic} is not archived in ${flags.store}`)
  }
  await copySnapshot(from, to, crypto)
  const facts = { partitions, segments, copied: flags.json === true ? bytes : megabytes(bytes) }
  await printFacts(io, facts, flags.json === true)
}
