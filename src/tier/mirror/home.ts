// In which of its stores a partition's archive is the original. Normally the first one asked says
// so. A move that was cut short between its two writes has left copies alone, which say the same;
// then the fullest is made the original, and the move goes on from there.
import { OperatingError } from '../../base/errors.ts'
import { archiveEnd, type Manifest } from '../manifest/manifest.ts'
import type { Site } from '../site.ts'

/** What a site has. */
interface Found {
  readonly site: Site
  readonly manifest: Manifest
}

/**
 * The site of the original among `sites`, the one wanted first; the first itself where there is no
 * archive yet. With `isWhole` this disk has everything from offset 0 on, so that nothing is missed
 * if the first has none and others are not asked. Throws `corrupt` when two claim to be it, and
 * whatever a store says that has to be asked and does not answer.
 */
export async function findHome(
  sites: readonly [Site, ...Site[]],
  { generation, isWhole }: { readonly generation: number; readonly isWhole: boolean },
): Promise<Site> {
  const [first, ...others] = sites
  if (others.length === 0) return first
  const manifest = await first.peek()
  const isNow = ({ manifest: one }: Found): boolean => one.generation >= generation
  if (manifest !== null && !manifest.isCopy && isNow({ site: first, manifest })) return first
  if (manifest === null && isWhole) return first
  const found: Found[] = manifest === null ? [] : [{ site: first, manifest }]
  for (const site of others) {
    const other = await site.peek()
    if (other !== null) found.push({ site, manifest: other })
  }
  // What a life before a restore has left counts only where nothing of this one is found.
  const now = found.some(isNow) ? found.filter(isNow) : found
  const originals = now.filter((one) => !one.manifest.isCopy)
  const [original, rival] = originals
  if (rival !== undefined) {
    const urls = originals.map(({ site }) => site.store.traits.url).join(' and ')
    throw new OperatingError(
      'corrupt',
      `Cannot archive ${first.owner.topicName}-${first.owner.partition}: its manifests in ` +
        `${urls} both claim to be the original; move the one away that is not to be used`,
    )
  }
  if (original !== undefined) return original.site
  let fullest: Found | null = null
  for (const one of now) {
    const isFuller = fullest === null || archiveEnd(one.manifest) > archiveEnd(fullest.manifest)
    if (isFuller) fullest = one
  }
  if (fullest === null) return first
  await fullest.site.archive.change((copy) => (copy.isCopy ? { ...copy, isCopy: false } : null))
  return fullest.site
}
