// Which partitions a bucket has. The newest snapshot of the cluster names them all with one read;
// where there is none, or it is not to be trusted, all keys are listed.
import { OperatingError } from '../../../base/errors.ts'
import { decodeSnapshot } from '../../../cluster/snapshot.ts'
import type { Crypto } from '../../../ports/crypto.ts'
import type { ObjectStore } from '../../../ports/object-store.ts'
import { auditHead, type AuditFinding } from '../../../tier/audit/audit-partition.ts'
import { listAll } from '../../../tier/audit/listing.ts'
import { readOwner } from '../../../tier/bucket/claim.ts'
import { newestSnapshot } from '../../../tier/bucket/snapshot.ts'
import { parseKey, type ArchiveIdentity } from '../../../tier/keys.ts'
import type { Manifest } from '../../../tier/manifest/manifest.ts'

const HEADS_AT_ONCE = 16

/** Where the partitions of a bucket are looked up. */
export interface ArchivePorts {
  readonly store: ObjectStore
  readonly crypto: Crypto
}

/** Every partition that is archived: its manifest, or what is wrong with it. */
export async function* archives(
  ports: ArchivePorts,
  options: { readonly scan: boolean },
): AsyncGenerator<Manifest | AuditFinding, void, undefined> {
  if ((await readOwner(ports.store)) === null) {
    throw new OperatingError(
      'absent',
      `${ports.store.traits.url} is no archive: it has no cluster.json; check bucket and prefix`,
    )
  }
  let some: ArchiveIdentity[] = []
  const read = async function* (): AsyncGenerator<Manifest | AuditFinding, void, undefined> {
    const heads = await Promise.all(some.map((identity) => auditHead(ports, identity)))
    some = []
    for (const head of heads) if (head !== null) yield head
  }
  for await (const identity of options.scan ? scanned(ports.store) : snapshotted(ports)) {
    some.push(identity)
    if (some.length === HEADS_AT_ONCE) yield* read()
  }
  yield* read()
}

async function* snapshotted(ports: ArchivePorts): AsyncGenerator<ArchiveIdentity, void, undefined> {
  const snapshot = await newestSnapshot(ports.store, ports.crypto, () => undefined)
  if (snapshot === null) {
    yield* scanned(ports.store)
    return
  }
  for (const topic of decodeSnapshot(snapshot.metadata).allTopics()) {
    for (const { index } of topic.partitions.values()) {
      yield { topicId: topic.id, partition: index }
    }
  }
}

async function* scanned(store: ObjectStore): AsyncGenerator<ArchiveIdentity, void, undefined> {
  for await (const { key } of listAll(store, '')) {
    const parsed = parseKey(key)
    if (parsed?.kind === 'head') yield parsed.identity
  }
}
