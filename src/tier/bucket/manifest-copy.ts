// The copy of a partition's manifest beside its segments. It may be old, torn or missing: the store
// has the original, and nothing is let go on the word of a copy.
import { OperatingError } from '../../base/errors.ts'
import { partitionDirectory } from '../../log/log-host.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk } from '../../ports/disk.ts'
import type { ArchiveIdentity } from '../keys.ts'
import { encodeHead } from '../manifest/head.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { readHead } from '../upload/partition-archive.ts'

/** Where copies are kept. */
export interface CopyPorts {
  readonly disk: Disk
  readonly crypto: Crypto
}

/** Where the copy lies. */
const copyPath = ({ topicId, partition }: ArchiveIdentity): string =>
  `${partitionDirectory({ topicId, index: partition })}/archive`

/** The copy beside the segments; null when there is none that can be read. */
export async function readCopy(
  { disk, crypto }: CopyPorts,
  identity: ArchiveIdentity,
): Promise<Manifest | null> {
  try {
    const file = await disk.open(copyPath(identity), { mode: 'read' })
    try {
      const bytes = new Uint8Array(await file.size())
      await file.read(0, bytes)
      return readHead(crypto, file.path, identity, bytes)
    } finally {
      await file.close()
    }
  } catch (error) {
    // Absent, torn by a power cut, or of another version.
    if (error instanceof OperatingError) return null
    throw error
  }
}

/** Leaves a copy in the partition's directory; it need not be durable. */
export async function saveCopy({ disk, crypto }: CopyPorts, manifest: Manifest): Promise<void> {
  const path = copyPath(manifest)
  const { topicId, partition } = manifest
  await disk.makeDirectory(partitionDirectory({ topicId, index: partition }))
  await disk.remove(`${path}.new`)
  const file = await disk.open(`${path}.new`, { mode: 'create' })
  try {
    await file.writeBehind(0, encodeHead(crypto, manifest))
  } finally {
    await file.close()
  }
  await disk.rename(`${path}.new`, path)
}
