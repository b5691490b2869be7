// Makes a bucket on an S3 server of a test; the adapters never do, they are given theirs.
import { AwsClient } from 'aws4fetch'

/** Creates `bucket`. */
export async function createBucket(options: {
  readonly endpoint: string
  readonly access: string
  readonly secret: string
  readonly bucket: string
}): Promise<void> {
  const { access: accessKeyId, secret: secretAccessKey } = options
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: 's3', retries: 5 })
  const made = await client.fetch(`${options.endpoint}/${options.bucket}`, { method: 'PUT' })
  if (!made.ok) throw new Error(`no bucket: ${String(made.status)} ${await made.text()}`)
}
