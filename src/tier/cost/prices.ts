// What object stores charge, in US dollars, each row with where that is published and when it was
// noted, from copies of those pages that may have been older. List prices of the first volume tier
// in a common region of North America, without free allowances, discounts and taxes: bills are a
// little lower for little, and lower for a lot. Whoever has other prices passes a table of their
// own.

/** Stores in the table. */
export type StoreId = 's3' | 's3-express' | 'gcs' | 'azure' | 'r2'

/** What one store charges. */
export interface StorePrices {
  readonly id: StoreId
  /** For people. */
  readonly name: string
  /** Year and month in which the row was noted. */
  readonly asOf: string
  readonly source: string
  /** Bytes in what the store calls a gigabyte: 2^30, or 10^9. */
  readonly gigabyte: number
  /** For a gigabyte that is stored for a month. */
  readonly storedGbMonth: number
  /** For 1,000 puts, parts of uploads, or listings. */
  readonly putsPer1000: number
  /** For 1,000 gets or heads. Deletes are free everywhere. */
  readonly getsPer1000: number
  /** For each gigabyte that is put, or got, wherever from. */
  readonly putGb: number
  readonly gotGb: number
  /** For each gigabyte that leaves the region towards the internet. */
  readonly egressGb: number
}

const GIB = 2 ** 30
const GB = 1e9

/** The table. */
export const PRICES: Readonly<Record<StoreId, StorePrices>> = {
  // us-east-1, first 50 TB. Egress: first 10 TB; none to a machine in the same region.
  s3: {
    id: 's3',
    name: 'Amazon S3 Standard',
    asOf: '2026-11',
    source: 'https://aws.amazon.com/s3/pricing/',
    gigabyte: GIB,
    storedGbMonth: 0.023,
    putsPer1000: 0.005,
    getsPer1000: 0.0004,
    putGb: 0,
    gotGb: 0,
    egressGb: 0.09,
  },
  // us-east-1, one zone. The bytes of every put and get are charged, from the first on since the
  // prices of April 2025.
  's3-express': {
    id: 's3-express',
    name: 'Amazon S3 Express One Zone',
    asOf: '2026-11',
    source: 'https://aws.amazon.com/s3/faqs/',
    gigabyte: GIB,
    storedGbMonth: 0.11,
    putsPer1000: 0.00113,
    getsPer1000: 0.00003,
    putGb: 0.0032,
    gotGb: 0.0006,
    egressGb: 0.09,
  },
  // us-central1 or us-east1. Egress: premium tier within the Americas and EMEA, first TB.
  gcs: {
    id: 'gcs',
    name: 'Google Cloud Storage Standard',
    asOf: '2026-11',
    source: 'https://cloud.google.com/storage/pricing-examples',
    gigabyte: GIB,
    storedGbMonth: 0.02,
    putsPer1000: 0.005,
    getsPer1000: 0.0004,
    putGb: 0,
    gotGb: 0,
    egressGb: 0.12,
  },
  // Hot tier, locally redundant, first 50 TB; regions of the United States differ by a sixth, so
  // this row is approximate. Egress: first 10 TB.
  azure: {
    id: 'azure',
    name: 'Azure Blob Storage, hot, LRS',
    asOf: '2026-11',
    source: 'https://azure.microsoft.com/pricing/details/storage/blobs/',
    gigabyte: GIB,
    storedGbMonth: 0.018,
    putsPer1000: 0.0065,
    getsPer1000: 0.0005,
    putGb: 0,
    gotGb: 0,
    egressGb: 0.087,
  },
  // One price for all regions.
  r2: {
    id: 'r2',
    name: 'Cloudflare R2 Standard',
    asOf: '2026-11',
    source: 'https://developers.cloudflare.com/r2/pricing/',
    gigabyte: GB,
    storedGbMonth: 0.015,
    putsPer1000: 0.0045,
    getsPer1000: 0.00036,
    putGb: 0,
    gotGb: 0,
    egressGb: 0,
  },
}
