// The native load generator: so cheap that the broker is measured and not its client. It speaks
// Produce v7 and Fetch v11 to any broker of the Kafka protocol and prints one line of JSON.
//
// One thread, one epoll set. A batch is encoded once before the clock starts and is shared by all
// connections; a request is a head of some fifty bytes, patched in place, and that batch, and all
// requests that a connection may send go out in one writev. A response of Produce v7 for one
// partition has a fixed length, so that reading it is three comparisons. Whatever is not the
// expected answer ends the run with exit code 1: refused batches are never counted.
//
// generator.ts takes the same options and prints the same JSON where there is no C compiler.
//
//   cc -O2 -o load load.c
//   load produce --port P --topic T [options]  as fast as acknowledged, or at --rate
//   load fetch   --port P --topic T [options]  reads [--from, the end), over again with --loop
//   load random  --port P --topic T --to N     single reads at random offsets of [--from, --to)
//   load tail    --port P --topic T --rate R   latency from send to delivery
//
// Options, with their defaults; usage() has the units.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static struct {
  const char *mode, *host, *topic;
  int port, partitions, connections, depth, records, bytes, acks;
  double seconds, warmup, rate;
  int64_t max_bytes, from, to;
  bool loop;
} opt = {
    .host = "127.0.0.1", .topic = "bench", .partitions = 1, .connections = 1, .depth = 8,
    .records = 158, .bytes = 100, .acks = -1, .seconds = 5, .warmup = 1, .max_bytes = 8 << 20,
};

static void die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "load: ");
  vfprintf(stderr, format, args);
  fprintf(stderr, "\n");
  exit(1);
}

static void usage(void) {
  fprintf(stderr,
          "load produce|fetch|random|tail --port N [options]\n"
          "  --host IPv4 (127.0.0.1)     --topic NAME (bench)\n"
          "  --partitions N (1)          connection c sends to c, c + connections, ... in turn\n"
          "  --connections N (1)         --depth N (8)        requests in flight on each\n"
          "  --records N (158)           --bytes N (100)      records of a batch, their value\n"
          "  --acks -1|0|1 (-1)          --seconds S (5)      after --warmup S (1)\n"
          "  --rate N (0: unlimited)     requests a second in all; latency counts from when one\n"
          "                              was due, so that a stall is not hidden\n"
          "  --max-bytes N (8388608)     --from OFFSET (0)    --to OFFSET    --loop\n");
  exit(2);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

// ---- bytes -----------------------------------------------------------------------------------

typedef struct {
  uint8_t *at;
  size_t length, capacity;
} Bytes;

static void put(Bytes *b, const void *from, size_t count) {
  if (b->length + count > b->capacity) {
    b->capacity = (b->length + count) * 2;
    b->at = realloc(b->at, b->capacity);
    if (b->at == NULL) die("out of memory");
  }
  if (count > 0) memcpy(b->at + b->length, from, count);
  b->length += count;
}

static void store(uint8_t *at, uint64_t value, int count) {
  for (int i = count - 1; i >= 0; i--, value >>= 8) at[i] = (uint8_t)value;
}

static uint64_t load(const uint8_t *at, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; i++) value = value << 8 | at[i];
  return value;
}

static void put_int(Bytes *b, int64_t value, int count) {
  uint8_t raw[8];
  store(raw, (uint64_t)value, count);
  put(b, raw, (size_t)count);
}

static void put_text(Bytes *b, const char *text) {
  put_int(b, (int64_t)strlen(text), 2);
  put(b, text, strlen(text));
}

// Zigzag varint, as records have it.
static void put_varint(Bytes *b, int64_t value) {
  uint64_t left = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
  do {
    uint8_t low = left & 127;
    left >>= 7;
    if (left > 0) low |= 128;
    put(b, &low, 1);
  } while (left > 0);
}

// Bit by bit: only batches made before the clock starts pass through it.
static uint32_t crc32c(const uint8_t *at, size_t count) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < count; i++) {
    crc ^= at[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

// ---- requests --------------------------------------------------------------------------------

// A record batch (magic 2) of random bytes, uncompressed, no producer id.
static Bytes make_batch(void) {
  Bytes b = {0};
  int64_t time_ms = (int64_t)time(NULL) * 1000;
  put_int(&b, 0, 8); // base offset
  put_int(&b, 0, 4); // length, below
  put_int(&b, -1, 4);
  put_int(&b, 2, 1);
  put_int(&b, 0, 4); // CRC, below
  put_int(&b, 0, 2);
  put_int(&b, opt.records - 1, 4);
  put_int(&b, time_ms, 8);
  put_int(&b, time_ms, 8);
  put_int(&b, -1, 8);
  put_int(&b, -1, 2);
  put_int(&b, -1, 4);
  put_int(&b, opt.records, 4);
  uint8_t *value = malloc((size_t)opt.bytes + 1);
  uint32_t random = 0x9e3779b9;
  for (int i = 0; i < opt.records; i++) {
    for (int k = 0; k < opt.bytes; k++) {
      random ^= random << 13, random ^= random >> 17, random ^= random << 5;
      value[k] = (uint8_t)random;
    }
    Bytes record = {0};
    put_int(&record, 0, 1);
    put_varint(&record, 0);
    put_varint(&record, i);
    put_varint(&record, -1);
    put_varint(&record, opt.bytes);
    put(&record, value, (size_t)opt.bytes);
    put_varint(&record, 0);
    put_varint(&b, (int64_t)record.length);
    put(&b, record.at, record.length);
    free(record.at);
  }
  free(value);
  store(b.at + 8, b.length - 12, 4);
  store(b.at + 17, crc32c(b.at + 21, b.length - 21), 4);
  return b;
}

static void put_header(Bytes *b, int api_key, int api_version) {
  put_int(b, 0, 4); // frame length
  put_int(b, api_key, 2);
  put_int(b, api_version, 2);
  put_int(b, 0, 4); // correlation id, at HEAD_CORRELATION
  put_text(b, "load");
}

#define HEAD_CORRELATION 8

// A Produce v7 request up to its batch. The partition stands 8 bytes before the head's end.
static Bytes produce_head(size_t batch_length) {
  Bytes b = {0};
  put_header(&b, 0, 7);
  put_int(&b, -1, 2); // no transaction
  put_int(&b, opt.acks, 2);
  put_int(&b, 30000, 4);
  put_int(&b, 1, 4);
  put_text(&b, opt.topic);
  put_int(&b, 1, 4);
  put_int(&b, 0, 4);
  put_int(&b, (int64_t)batch_length, 4);
  store(b.at, b.length - 4 + batch_length, 4);
  return b;
}

static Bytes fetch_request(int partition, int64_t offset, int wait_ms) {
  Bytes b = {0};
  put_header(&b, 1, 11);
  put_int(&b, -1, 4); // no replica
  put_int(&b, wait_ms, 4);
  put_int(&b, 1, 4); // min bytes
  put_int(&b, opt.max_bytes, 4);
  put_int(&b, 0, 1); // read uncommitted
  put_int(&b, 0, 4); // no session
  put_int(&b, -1, 4);
  put_int(&b, 1, 4);
  put_text(&b, opt.topic);
  put_int(&b, 1, 4);
  put_int(&b, partition, 4);
  put_int(&b, -1, 4);
  put_int(&b, offset, 8);
  put_int(&b, -1, 8);
  put_int(&b, opt.max_bytes, 4);
  put_int(&b, 0, 4);
  put_text(&b, "");
  store(b.at, b.length - 4, 4);
  return b;
}

// ---- latency ---------------------------------------------------------------------------------

// Log-linear: 64 steps for each power of two of nanoseconds, so at most 1.6 % off.
static uint64_t counts[64 * 64], count_all, ns_max;

static void record_latency(uint64_t ns) {
  int shift = ns < 64 ? 0 : 58 - __builtin_clzll(ns);
  counts[shift * 64 + (int)(ns >> shift)]++;
  count_all++;
  if (ns > ns_max) ns_max = ns;
}

static double quantile_us(double share) {
  uint64_t seen = 0, wanted = (uint64_t)(share * (double)count_all);
  for (int i = 0; i < 64 * 64; i++) {
    seen += counts[i];
    if (seen <= wanted) continue;
    // The middle of the step.
    return ((double)(i % 64) + (i >= 64 ? 0.5 : 0)) * (double)(1ull << (i / 64)) / 1000;
  }
  return (double)ns_max / 1000;
}

static void forget_latencies(void) {
  memset(counts, 0, sizeof counts);
  count_all = ns_max = 0;
}

// ---- connections -----------------------------------------------------------------------------

typedef struct {
  int fd, index;
  // produce: requests [done, issued) wait for an answer; below `sent` they are wholly written, and
  // `sent_bytes` of the next one.
  uint32_t done, sent, issued;
  size_t sent_bytes;
  uint64_t *due; // by request number modulo depth
  uint8_t *heads;
  bool awaits_room;
  // fetch: where to read, the answer as far as it came, and when it was asked for.
  int64_t offset;
  uint64_t asked;
  uint8_t *in;
  size_t have;
  bool finished;
} Connection;

static int epoll;
static Connection *all;

static void watch(Connection *c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(epoll, operation, c->fd, &event);
}

static void open_connections(void) {
  epoll = epoll_create1(0);
  all = calloc((size_t)opt.connections, sizeof *all);
  for (int i = 0; i < opt.connections; i++) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
    if (inet_pton(AF_INET, opt.host, &to.sin_addr) != 1) die("--host takes an IPv4 address");
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (connect(fd, (void *)&to, sizeof to)) die("cannot connect: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    all[i].fd = fd;
    all[i].index = i;
    watch(all + i, EPOLL_CTL_ADD, EPOLLIN);
  }
}

static int wait_for_events(struct epoll_event *events, int most, uint64_t ns) {
  struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
  int count = epoll_pwait2(epoll, events, most, &t, NULL);
  if (count < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
  return count < 0 ? 0 : count;
}

// The bytes that are there, at most `room`; 0 when none are.
static size_t receive(Connection *c, uint8_t *into, size_t room) {
  ssize_t count = read(c->fd, into, room);
  if (count > 0) return (size_t)count;
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  die("the broker closed the connection");
  return 0;
}

// Small requests only: they fit into the socket's buffer.
static void send_all(Connection *c, const Bytes *request) {
  for (size_t at = 0; at < request->length;) {
    ssize_t count = write(c->fd, request->at + at, request->length - at);
    if (count < 0 && errno != EAGAIN) die("the broker closed the connection");
    if (count > 0) at += (size_t)count;
  }
}

// ---- produce ---------------------------------------------------------------------------------

static Bytes head, batch;
static size_t answer_length; // of a Produce v7 answer for one partition, without its prefix
static uint64_t answered;

static void prepare_produce(void) {
  batch = make_batch();
  head = produce_head(batch.length);
  answer_length = 4 + 4 + 2 + strlen(opt.topic) + 4 + 4 + 2 + 8 + 8 + 8 + 4;
  for (int i = 0; i < opt.connections; i++) {
    Connection *c = all + i;
    c->due = calloc((size_t)opt.depth, sizeof *c->due);
    c->heads = malloc((size_t)opt.depth * head.length);
    for (int k = 0; k < opt.depth; k++) {
      memcpy(c->heads + (size_t)k * head.length, head.at, head.length);
    }
  }
}

static bool has_slot(const Connection *c) { return c->issued - c->done < (uint32_t)opt.depth; }

static void issue(Connection *c, uint64_t due) {
  uint32_t slot = c->issued % (uint32_t)opt.depth;
  uint8_t *at = c->heads + slot * head.length;
  uint64_t turn = (uint64_t)c->index + (uint64_t)c->issued * (uint64_t)opt.connections;
  store(at + HEAD_CORRELATION, c->issued, 4);
  store(at + head.length - 8, turn % (uint64_t)opt.partitions, 4);
  c->due[slot] = due;
  c->issued++;
}

#define PARTS_MAX 128

// Writes what was issued, as far as the socket takes it.
static void flush(Connection *c) {
  size_t frame = head.length + batch.length;
  while (c->sent != c->issued) {
    struct iovec parts[PARTS_MAX];
    int count = 0;
    size_t skip = c->sent_bytes, wanted = 0;
    for (uint32_t n = c->sent; n != c->issued && count + 2 <= PARTS_MAX; n++) {
      uint8_t *at = c->heads + (n % (uint32_t)opt.depth) * head.length;
      if (skip < head.length) parts[count++] = (struct iovec){at + skip, head.length - skip};
      size_t body = skip > head.length ? skip - head.length : 0;
      parts[count++] = (struct iovec){batch.at + body, batch.length - body};
      wanted += frame - skip;
      skip = 0;
    }
    ssize_t written = writev(c->fd, parts, count);
    if (written < 0 && errno != EAGAIN) die("the broker closed the connection");
    if (written > 0) {
      size_t total = c->sent_bytes + (size_t)written;
      c->sent += (uint32_t)(total / frame);
      c->sent_bytes = total % frame;
    }
    if (written != (ssize_t)wanted) {
      if (!c->awaits_room) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      c->awaits_room = true;
      break;
    }
  }
  if (c->sent == c->issued && c->awaits_room) {
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
    c->awaits_room = false;
  }
  if (opt.acks == 0) {
    answered += c->sent - c->done;
    c->done = c->sent;
  }
}

// Base offset of one answer.
static int64_t check_answer(const uint8_t *at, size_t length, uint32_t correlation) {
  size_t error_at = answer_length - 4 - 24 - 2;
  if (length != answer_length) die("a produce answer of %zu bytes is not one of v7", length);
  if (load(at, 4) != correlation) die("an answer came out of order");
  int error = (int16_t)load(at + error_at, 2);
  if (error != 0) die("produce was refused with error code %d", error);
  return (int64_t)load(at + error_at + 2, 8);
}

static void take_answers(Connection *c) {
  static uint8_t in[65536 + 256];
  static uint8_t *kept;
  if (kept == NULL) kept = calloc((size_t)opt.connections, 256);
  uint8_t *rest = kept + (size_t)c->index * 256;
  memcpy(in, rest, c->have);
  size_t end = c->have + receive(c, in + c->have, 65536), at = 0;
  uint64_t t = now_ns();
  while (end - at >= 4) {
    size_t length = load(in + at, 4);
    if (length > 240) die("a produce answer of %zu bytes is not one of v7", length);
    if (end - at < 4 + length) break;
    check_answer(in + at + 4, length, c->done);
    record_latency(t - c->due[c->done % (uint32_t)opt.depth]);
    c->done++;
    answered++;
    at += 4 + length;
  }
  c->have = end - at;
  memcpy(rest, in + at, c->have);
}

static void report_produce(double seconds, double cpu, uint64_t late_ns) {
  double each = (double)answered / seconds, frame = (double)(head.length + batch.length);
  printf("{\"op\":\"produce\",\"client\":\"native\",\"connections\":%d,\"depth\":%d,"
         "\"request_bytes\":%.0f,\"seconds\":%.3f,\"requests_per_s\":%.1f,\"records_per_s\":%.0f,"
         "\"mib_per_s\":%.2f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,"
         "\"late_us\":%.1f,\"client_cpu\":%.3f}\n",
         opt.connections, opt.depth, frame, seconds, each, each * opt.records,
         each * frame / 1048576, quantile_us(0.5), quantile_us(0.99), quantile_us(0.999),
         (double)ns_max / 1000, (double)late_ns / 1000, cpu);
}

static void run_produce(void) {
  prepare_produce();
  uint64_t start = now_ns(), warm = start + (uint64_t)(opt.warmup * 1e9);
  uint64_t end = warm + (uint64_t)(opt.seconds * 1e9), drained = end + 2000000000;
  uint64_t planned = 0, late = 0, from = 0, measured = 0;
  int turn = 0;
  double cpu = 0, seconds = 0;
  bool counting = false;
  for (;;) {
    uint64_t t = now_ns(), wait = 100000000;
    if (!counting && from == 0 && t >= warm) {
      counting = true;
      from = t;
      forget_latencies();
      answered = late = 0;
      cpu = cpu_seconds();
    }
    if (counting && t >= end) {
      counting = false;
      seconds = (double)(t - from) / 1e9;
      cpu = (cpu_seconds() - cpu) / seconds;
      measured = answered;
    }
    if (t >= end) {
      // What is in flight is waited for and not counted, so that the next run finds a quiet broker.
      bool waiting = false;
      for (int i = 0; i < opt.connections; i++) waiting |= all[i].done != all[i].issued;
      if (!waiting || t > drained) break;
    } else if (opt.rate > 0) {
      for (int full = 0; full < opt.connections;) {
        uint64_t due = start + (uint64_t)((double)planned * 1e9 / opt.rate);
        if (due > t) {
          wait = due - t;
          break;
        }
        Connection *c = all + turn++ % opt.connections;
        if (!has_slot(c)) {
          full++;
          continue;
        }
        if (t - due > late) late = t - due;
        issue(c, due);
        flush(c);
        planned++;
        full = 0;
      }
      if (end - t < wait) wait = end - t;
    } else if (planned == 0 || opt.acks == 0) {
      for (int i = 0; i < opt.connections; i++) {
        while (has_slot(all + i)) issue(all + i, t);
        flush(all + i);
      }
      planned = 1;
    }
    struct epoll_event events[64];
    if (opt.acks == 0 && opt.rate == 0 && t < end) {
      // Nobody answers: go on at once while any socket has room.
      for (int i = 0; i < opt.connections; i++) wait = all[i].awaits_room ? wait : 0;
    }
    int count = wait_for_events(events, 64, wait);
    for (int i = 0; i < count; i++) {
      Connection *c = events[i].data.ptr;
      if (events[i].events & ~(uint32_t)EPOLLOUT) take_answers(c);
      if (opt.rate == 0 && opt.acks != 0 && t < end) {
        uint64_t sent_at = now_ns();
        while (has_slot(c)) issue(c, sent_at);
      }
      if (c->sent != c->issued || c->awaits_room) flush(c);
    }
  }
  answered = measured;
  report_produce(seconds, cpu, late);
}

// ---- fetch, random, tail ---------------------------------------------------------------------

static uint64_t records_read, bytes_read, fetches;

// Takes a whole Fetch v11 answer (without its prefix); returns the next offset to read, which is
// `offset` when nothing came.
static int64_t walk_fetch(const uint8_t *p, size_t length, int64_t offset) {
  size_t at = 4 + 4;
  int error = (int16_t)load(p + at, 2);
  if (error != 0) die("fetch was refused with error code %d", error);
  at += 2 + 4 + 4;
  at += 2 + load(p + at, 2) + 4 + 4;
  error = (int16_t)load(p + at, 2);
  if (error != 0) die("fetch was refused with error code %d", error);
  at += 2 + 8 + 8 + 8;
  int32_t aborted = (int32_t)load(p + at, 4);
  at += 4 + (aborted > 0 ? (size_t)aborted * 16 : 0) + 4;
  int32_t size = (int32_t)load(p + at, 4);
  at += 4;
  if (size <= 0) return offset;
  size_t end = at + (size_t)size;
  if (end > length) die("a fetch answer is shorter than it says");
  bytes_read += (uint64_t)size;
  while (at + 61 <= end) {
    size_t batch_length = 12 + load(p + at + 8, 4);
    if (at + batch_length > end) break;
    int64_t base = (int64_t)load(p + at, 8);
    int64_t after = base + (int32_t)load(p + at + 23, 4) + 1;
    if (after > offset) {
      records_read += (uint64_t)(after - (base > offset ? base : offset));
      offset = after;
    }
    at += batch_length;
  }
  return offset;
}

static size_t answer_room(void) { return (size_t)opt.max_bytes + (17 << 20); }

static void ask(Connection *c, int wait_ms) {
  Bytes request = fetch_request(c->index % opt.partitions, c->offset, wait_ms);
  c->asked = now_ns();
  c->have = 0;
  send_all(c, &request);
  free(request.at);
}

// Whether the answer is complete in c->in.
static bool gather(Connection *c) {
  size_t want = c->have < 4 ? answer_room() : 4 + load(c->in, 4);
  if (want > answer_room()) die("a fetch answer is larger than it may be");
  c->have += receive(c, c->in + c->have, want - c->have);
  return c->have >= 4 && c->have == 4 + load(c->in, 4);
}

static int64_t random_offset(void) {
  static uint64_t state = 88172645463325252ull;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return opt.from + (int64_t)(state % (uint64_t)(opt.to - opt.from));
}

static void report_fetch(double seconds, double cpu, int64_t next) {
  printf("{\"op\":\"%s\",\"client\":\"native\",\"connections\":%d,\"seconds\":%.3f,"
         "\"requests_per_s\":%.1f,\"records_per_s\":%.0f,\"mib_per_s\":%.2f,\"records\":%llu,"
         "\"next_offset\":%lld,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
         "\"max_us\":%.1f,\"client_cpu\":%.3f}\n",
         opt.mode, opt.connections, seconds, (double)fetches / seconds,
         (double)records_read / seconds, (double)bytes_read / seconds / 1048576,
         (unsigned long long)records_read, (long long)next, quantile_us(0.5), quantile_us(0.99),
         quantile_us(0.999), (double)ns_max / 1000, cpu);
}

// Also single reads: then the answer must hold the offset, and the next one is drawn.
static void run_fetch(bool single) {
  if (single && opt.to <= opt.from) die("random wants --to above --from");
  for (int i = 0; i < opt.connections; i++) {
    all[i].in = malloc(answer_room());
    all[i].offset = single ? random_offset() : opt.from;
  }
  uint64_t start = now_ns(), end = start + (uint64_t)(opt.seconds * 1e9);
  double cpu = cpu_seconds();
  int reading = opt.connections;
  for (int i = 0; i < opt.connections; i++) ask(all + i, 0);
  while (reading > 0 && now_ns() < end) {
    struct epoll_event events[64];
    int count = wait_for_events(events, 64, 100000000);
    for (int i = 0; i < count; i++) {
      Connection *c = events[i].data.ptr;
      if (!gather(c)) continue;
      record_latency(now_ns() - c->asked);
      fetches++;
      int64_t next = walk_fetch(c->in + 4, c->have - 4, c->offset);
      if (single) {
        if (next == c->offset) die("nothing was read at offset %lld", (long long)next);
        c->offset = random_offset();
      } else if (next != c->offset) {
        c->offset = next;
      } else if (opt.loop && c->offset > opt.from) {
        c->offset = opt.from;
      } else {
        c->finished = true;
        reading--;
        continue;
      }
      ask(c, 0);
    }
  }
  double seconds = (double)(now_ns() - start) / 1e9;
  report_fetch(seconds, (cpu_seconds() - cpu) / seconds, all[0].offset);
}

// Sends on one connection at a rate, reads by long poll on another. Records are delivered in order
// and the partition is ours alone, so that an offset tells when its batch was due.
static void run_tail(void) {
  if (opt.rate <= 0) die("tail wants --rate");
  Connection *writer = all, *reader = all + 1;
  prepare_produce();
  reader->in = malloc(answer_room());
  reader->index = 0;
  // The first answer tells where the partition ends.
  uint8_t in[4096];
  size_t have = 0;
  struct epoll_event events[2];
  issue(writer, now_ns());
  flush(writer);
  while (have < 4 + answer_length) {
    wait_for_events(events, 2, 100000000);
    have += receive(writer, in + have, sizeof in - have);
  }
  int64_t base = check_answer(in + 4, load(in, 4), 0) + opt.records;
  writer->done++;
  reader->offset = base;
  uint64_t total = (uint64_t)(opt.rate * (opt.warmup + opt.seconds)), sent = 0, got = 0;
  uint64_t skipped = (uint64_t)(opt.rate * opt.warmup), start = now_ns() + 50000000, late = 0;
  uint64_t give_up = start + (uint64_t)((opt.warmup + opt.seconds + 10) * 1e9);
  ask(reader, 500);
  while (got < total && now_ns() < give_up) {
    uint64_t t = now_ns(), wait = 100000000;
    while (sent < total) {
      uint64_t due = start + (uint64_t)((double)sent * 1e9 / opt.rate);
      if (due > t) wait = due - t;
      if (due > t || !has_slot(writer)) break;
      if (t - due > late) late = t - due;
      issue(writer, due);
      flush(writer);
      sent++;
    }
    int count = wait_for_events(events, 2, wait);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr == writer) {
        take_answers(writer);
        if (writer->awaits_room) flush(writer);
      } else if (gather(reader)) {
        t = now_ns();
        reader->offset = walk_fetch(reader->in + 4, reader->have - 4, reader->offset);
        uint64_t upto = (uint64_t)(reader->offset - base) / (uint64_t)opt.records;
        if (upto > sent) die("someone else writes to the partition");
        for (; got < upto; got++) {
          if (got == skipped) forget_latencies();
          record_latency(t - (start + (uint64_t)((double)got * 1e9 / opt.rate)));
        }
        ask(reader, 500);
      }
    }
  }
  if (got < total) die("%llu of %llu were not delivered", (unsigned long long)(total - got),
                       (unsigned long long)total);
  printf("{\"op\":\"tail\",\"client\":\"native\",\"delivered\":%llu,\"p50_us\":%.1f,"
         "\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"late_us\":%.1f}\n",
         (unsigned long long)got, quantile_us(0.5), quantile_us(0.99), quantile_us(0.999),
         (double)ns_max / 1000, (double)late / 1000);
}

// ---- main ------------------------------------------------------------------------------------

static void parse(int argc, char **argv) {
  static const struct option names[] = {
      {"host", 1, 0, 'h'},     {"port", 1, 0, 'p'},        {"topic", 1, 0, 't'},
      {"partitions", 1, 0, 'P'}, {"connections", 1, 0, 'c'}, {"depth", 1, 0, 'd'},
      {"records", 1, 0, 'r'},  {"bytes", 1, 0, 'b'},       {"acks", 1, 0, 'a'},
      {"seconds", 1, 0, 's'},  {"warmup", 1, 0, 'w'},      {"rate", 1, 0, 'R'},
      {"max-bytes", 1, 0, 'm'}, {"from", 1, 0, 'f'},       {"to", 1, 0, 'T'},
      {"loop", 0, 0, 'l'},     {0}};
  if (argc < 2) usage();
  opt.mode = argv[1];
  optind = 2;
  for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (name) {
    case 'h': opt.host = optarg; break;
    case 'p': opt.port = atoi(optarg); break;
    case 't': opt.topic = optarg; break;
    case 'P': opt.partitions = atoi(optarg); break;
    case 'c': opt.connections = atoi(optarg); break;
    case 'd': opt.depth = atoi(optarg); break;
    case 'r': opt.records = atoi(optarg); break;
    case 'b': opt.bytes = atoi(optarg); break;
    case 'a': opt.acks = atoi(optarg); break;
    case 's': opt.seconds = atof(optarg); break;
    case 'w': opt.warmup = atof(optarg); break;
    case 'R': opt.rate = atof(optarg); break;
    case 'm': opt.max_bytes = atoll(optarg); break;
    case 'f': opt.from = atoll(optarg); break;
    case 'T': opt.to = atoll(optarg); break;
    case 'l': opt.loop = true; break;
    default: usage();
    }
  }
  if (opt.port <= 0 || opt.partitions < 1 || opt.connections < 1 || opt.depth < 1) usage();
  if (opt.records < 1 || opt.bytes < 0 || opt.seconds <= 0) usage();
}

int main(int argc, char **argv) {
  parse(argc, argv);
  // Timers to the microsecond: the default slack of 50 would be in every open-loop latency.
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  bool tail = strcmp(opt.mode, "tail") == 0;
  if (tail) opt.connections = 2;
  open_connections();
  if (tail) opt.connections = 1;
  if (tail) run_tail();
  else if (strcmp(opt.mode, "produce") == 0) run_produce();
  else if (strcmp(opt.mode, "fetch") == 0) run_fetch(false);
  else if (strcmp(opt.mode, "random") == 0) run_fetch(true);
  else usage();
  return 0;
}
