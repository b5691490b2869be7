// The shape of one API's handler. A handler decides; decoding, ordering, throttling and encoding
// are the connection's charge. One file per API under handlers/, named NN-name.ts by its key.

/** What a handler may know of the request besides its body. */
export interface RequestContext {
  readonly apiKey: number
  readonly version: number
  /** Never null: a null client id reads as "". */
  readonly clientId: string
  /** Identifies the connection for the life of the process. */
  readonly connectionId: number
  /** Peer address as host:port. */
  readonly peer: string
  /** Address of this broker as clients of the request's listener should reach it. */
  readonly advertised: { readonly host: string; readonly port: number }
}

/** Decides one request. A KafkaError thrown fails the whole request with its code. */
export type Handler<Request, Response> = (
  request: Request,
  context: RequestContext,
) => Response | Promise<Response>
