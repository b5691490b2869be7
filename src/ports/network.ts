// Byte streams. The transport owns receive buffers and hands out borrowed views: a handler must
// take what it needs before it returns. Writes queue in order; the writer learns the queue's depth
// and when it has drained, and decides itself when to stop reading.

/** What the owner of a connection reacts to. Calls never nest and never come after `onClose`. */
export interface ConnectionHandler {
  /** Bytes arrived. The view is valid only until this call returns. */
  onBytes(view: Uint8Array): void
  /**
   * Where the transport should put the next bytes, or null for its own shared buffer. A handler
   * that knows the rest of a large frame gives that frame's memory and saves a copy; `onBytes` is
   * then called with a view of exactly what was filled. Transports that cannot, ignore it.
   * Asked after each `onBytes` for the read that follows: the memory stays the transport's until
   * the next `onBytes` or `onClose`, also across a pause. Not asked before the very first read.
   */
  receiveInto?(): Uint8Array | null
  /** The write queue has emptied after having been non-empty. */
  onDrain(): void
  /** The connection is gone: closed by either side (no error) or broken. Called exactly once. */
  onClose(error: Error | undefined): void
}

/** One accepted or opened connection. */
export interface Connection {
  /** Peer address as `host:port`, for logs. */
  readonly peer: string
  /**
   * Queues parts to be written in order. The bytes must not change until `written` is called,
   * which happens once all of these parts were given to the OS, or the connection closed.
   */
  write(parts: readonly Uint8Array[], written?: () => void): void
  /** Bytes queued and not yet given to the OS. */
  readonly queuedBytes: number
  /** Stops and resumes reading. Bytes already read may still be handed out after `pause`. */
  pause(): void
  resume(): void
  /** Sends what is queued, then closes. */
  end(): void
  /** Closes at once and drops what is queued. */
  destroy(): void
}

/** A listening socket. */
export interface Listener {
  readonly host: string
  readonly port: number
  /** Stops accepting; open connections stay. */
  close(): Promise<void>
}

/** The network of one process. */
export interface Network {
  /** Listens; port 0 picks a free one. Throws `refused` when the address is taken or not ours. */
  listen(
    address: { readonly host: string; readonly port: number },
    accept: (connection: Connection) => ConnectionHandler,
  ): Promise<Listener>
  /** Opens a connection. Throws `retry` when nobody answers. */
  connect(
    address: { readonly host: string; readonly port: number },
    open: (connection: Connection) => ConnectionHandler,
  ): Promise<Connection>
}
