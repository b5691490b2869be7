// The fake S3 of this process as a server like the others, so that npm alone runs the contract.
import { startFakeS3 } from '../fakes/s3-server.ts'
import type { StoreServer } from './child.ts'

/** Starts the fake. */
export async function startFakeS3Server(): Promise<StoreServer> {
  const keys = { accessKeyId: 'access-for-tests', secretAccessKey: 'secret-for-tests' }
  const { endpoint, stop } = await startFakeS3(keys)
  const environment = {
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
  }
  return {
    url: `s3://bucket?endpoint=${endpoint}&region=us-east-1&pathStyle=true`,
    environment,
    wrongEnvironment: { ...environment, AWS_SECRET_ACCESS_KEY: 'another' },
    stop,
  }
}
