// Kafka's own Java clients against a broker. Prints one line for each check and exits 1 if any failed.
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class Lane {
  interface Check {
    void run() throws Exception;
  }

  static String bootstrap;
  static String only = "";
  static int failed = 0;

  static void check(String name, Check check) {
    if (!name.contains(only)) return;
    long start = System.nanoTime();
    try {
      check.run();
      System.out.printf("ok    java: %s (%.1f s)%n", name, (System.nanoTime() - start) / 1e9);
    } catch (Throwable error) {
      failed++;
      System.out.println("FAIL  java: " + name);
      System.out.println("      " + error);
      for (StackTraceElement at : error.getStackTrace()) {
        if (at.getClassName().startsWith("Lane")) System.out.println("        " + at);
      }
      for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
        System.out.println("      caused by " + cause);
      }
    }
  }

  static void equal(Object actual, Object expected) {
    if (!expected.equals(actual)) throw new AssertionError(actual + " is not " + expected);
  }

  static void fails(Class<? extends Throwable> kind, Future<?> future) throws Exception {
    try {
      future.get();
    } catch (ExecutionException error) {
      if (kind.isInstance(error.getCause())) return;
      throw error;
    }
    throw new AssertionError("not refused with " + kind.getSimpleName());
  }

  static Properties properties(Object... pairs) {
    Properties all = new Properties();
    all.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < pairs.length; i += 2) all.put(pairs[i], pairs[i + 1]);
    return all;
  }

  static Admin admin;

  static String topic(int partitions, String... configs) throws Exception {
    String name = "java-" + UUID.randomUUID().toString().substring(0, 8);
    Map<String, String> config = new HashMap<>();
    for (int i = 0; i < configs.length; i += 2) config.put(configs[i], configs[i + 1]);
    NewTopic created = new NewTopic(name, partitions, (short) 1).configs(config);
    admin.createTopics(List.of(created)).all().get();
    return name;
  }

  static KafkaProducer<byte[], byte[]> producer(Object... pairs) {
    return new KafkaProducer<>(
        properties(pairs), new ByteArraySerializer(), new ByteArraySerializer());
  }

  static KafkaConsumer<byte[], byte[]> consumer(Object... pairs) {
    Properties all = properties("auto.offset.reset", "earliest", "enable.auto.commit", "false");
    for (int i = 0; i < pairs.length; i += 2) all.put(pairs[i], pairs[i + 1]);
    return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static List<ProducerRecord<byte[], byte[]>> mixed(String topic, int times) {
    List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>();
    byte[] every = new byte[1024];
    for (int i = 0; i < every.length; i++) every[i] = (byte) i;
    List<Header> headers =
        List.of(
            new RecordHeader("h", bytes("1")),
            new RecordHeader("h", bytes("2")),
            new RecordHeader("empty", new byte[0]),
            new RecordHeader("null", (byte[]) null));
    byte[][][] pairs = {
      {bytes("k"), bytes("v")}, {null, bytes("no key")}, {bytes("null value"), null},
      {new byte[0], new byte[0]}, {every, every}, {bytes("ключ"), bytes("値")},
    };
    for (int i = 0; i < times; i++) {
      for (byte[][] pair : pairs) {
        long time = 1_700_000_000_000L + all.size();
        List<Header> with = pair[0] == every ? headers : List.of();
        all.add(new ProducerRecord<>(topic, 0, time, pair[0], pair[1], with));
      }
    }
    return all;
  }

  static List<RecordMetadata> send(
      KafkaProducer<byte[], byte[]> producer, List<ProducerRecord<byte[], byte[]>> records)
      throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (ProducerRecord<byte[], byte[]> record : records) sent.add(producer.send(record));
    producer.flush();
    List<RecordMetadata> told = new ArrayList<>();
    for (Future<RecordMetadata> each : sent) told.add(each.get());
    return told;
  }

  static void numbers(String topic, int partition, int count) throws Exception {
    try (var producer = producer()) {
      List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        long time = 1_700_000_000_000L + i;
        records.add(new ProducerRecord<>(topic, partition, time, null, bytes("" + i)));
      }
      send(producer, records);
    }
  }

  static List<ConsumerRecord<byte[], byte[]>> take(Consumer<byte[], byte[]> consumer, int count) {
    List<ConsumerRecord<byte[], byte[]>> all = new ArrayList<>();
    long until = System.currentTimeMillis() + 30_000;
    while (all.size() < count && System.currentTimeMillis() < until) {
      consumer.poll(Duration.ofMillis(200)).forEach(all::add);
    }
    if (all.size() < count) throw new AssertionError(all.size() + " records of " + count);
    return all;
  }

  static List<ConsumerRecord<byte[], byte[]>> read(String topic, long from, int count) {
    try (var consumer = consumer()) {
      consumer.assign(List.of(new TopicPartition(topic, 0)));
      consumer.seek(new TopicPartition(topic, 0), from);
      return take(consumer, count);
    }
  }

  static void same(
      List<ConsumerRecord<byte[], byte[]>> found, List<ProducerRecord<byte[], byte[]>> sent) {
    equal(found.size(), sent.size());
    for (int i = 0; i < sent.size(); i++) {
      var got = found.get(i);
      var put = sent.get(i);
      if (!Arrays.equals(got.key(), put.key())
          || !Arrays.equals(got.value(), put.value())
          || !got.headers().equals(put.headers())
          || got.timestamp() != put.timestamp()
          || got.offset() != i) {
        throw new AssertionError("record " + i + " came back as " + got);
      }
    }
  }

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    if (args.length > 1) only = args[1];
    admin = Admin.create(properties());
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      check("compression " + codec + " comes back as it went", () -> codec(codec));
    }
    for (String acks : List.of("0", "1", "all")) check("acks " + acks, () -> acks(acks));
    check("an idempotent producer with many small batches in flight", Lane::idempotent);
    check("a record of 1 MiB, and one above max.message.bytes refused", Lane::large);
    check("offsets: beginning, end, by time, out of range", Lane::positions);
    check("two classic members share, one takes over, commits resume", () -> group("range"));
    check("the same, cooperative", () -> group("cooperative"));
    check("a static member keeps its share across a restart", Lane::staticMember);
    check("admin: topics, ids, partitions, and refusals by name", Lane::topics);
    check("admin: configs of topics and brokers", Lane::configs);
    check("admin: offsets of every kind, deleted records", Lane::offsets);
    check("admin: groups listed, described, altered, deleted", Lane::groups);
    check("admin: cluster, log directories, features", Lane::cluster);
    check("LogAppendTime", Lane::logAppendTime);
    admin.close(Duration.ofSeconds(5));
    System.exit(failed == 0 ? 0 : 1);
  }

  static void codec(String codec) throws Exception {
    String topic = topic(1);
    var sent = mixed(topic, 50);
    try (var producer = producer("compression.type", codec, "linger.ms", 20)) {
      var told = send(producer, sent);
      equal(told.get(sent.size() - 1).offset(), (long) sent.size() - 1);
    }
    same(read(topic, 0, sent.size()), sent);
  }

  static void acks(String acks) throws Exception {
    String topic = topic(1);
    var sent = mixed(topic, 3);
    try (var producer = producer("acks", acks, "enable.idempotence", false)) {
      send(producer, sent);
    }
    same(read(topic, 0, sent.size()), sent);
  }

  static void idempotent() throws Exception {
    String topic = topic(1);
    var sent = mixed(topic, 500);
    try (var producer = producer("batch.size", 200, "linger.ms", 0)) {
      send(producer, sent);
    }
    same(read(topic, 0, sent.size()), sent);
  }

  static void large() throws Exception {
    String topic = topic(1);
    byte[] value = new byte[1024 * 1024 - 100];
    Arrays.fill(value, (byte) 'x');
    try (var producer = producer("max.request.size", 4 << 20)) {
      producer.send(new ProducerRecord<>(topic, 0, null, value)).get();
      var above = new ProducerRecord<byte[], byte[]>(topic, 0, null, new byte[2 << 20]);
      fails(RecordTooLargeException.class, producer.send(above));
    }
    equal(Arrays.equals(read(topic, 0, 1).get(0).value(), value), true);
  }

  static void positions() throws Exception {
    String topic = topic(1);
    TopicPartition part = new TopicPartition(topic, 0);
    numbers(topic, 0, 100);
    try (var consumer = consumer()) {
      equal(consumer.beginningOffsets(List.of(part)).get(part), 0L);
      equal(consumer.endOffsets(List.of(part)).get(part), 100L);
      var at = consumer.offsetsForTimes(Map.of(part, 1_700_000_000_033L)).get(part);
      equal(at.offset(), 33L);
      equal(at.timestamp(), 1_700_000_000_033L);
      equal(Optional.ofNullable(
          consumer.offsetsForTimes(Map.of(part, 1_800_000_000_000L)).get(part)), Optional.empty());
      consumer.assign(List.of(part));
      consumer.seek(part, 5000);
      equal(take(consumer, 1).get(0).offset(), 0L);
      consumer.seek(part, 42);
      equal(take(consumer, 1).get(0).offset(), 42L);
    }
    try (var consumer = consumer("auto.offset.reset", "none")) {
      consumer.assign(List.of(part));
      consumer.seek(part, 5000);
      try {
        consumer.poll(Duration.ofSeconds(5));
        throw new AssertionError("offset 5000 is there");
      } catch (org.apache.kafka.clients.consumer.OffsetOutOfRangeException expected) {
        equal(expected.partitions(), Set.of(part));
      }
    }
  }

  static void group(String assignor) throws Exception {
    String topic = topic(4);
    String group = "java-" + UUID.randomUUID();
    for (int i = 0; i < 4; i++) numbers(topic, i, 10);
    String strategy =
        assignor.equals("range")
            ? RangeAssignor.class.getName()
            : CooperativeStickyAssignor.class.getName();
    Object[] config = {
      "group.id", group, "partition.assignment.strategy", strategy, "heartbeat.interval.ms", 500,
      "session.timeout.ms", 6000,
    };
    try (var first = consumer(config)) {
      var second = consumer(config);
      try {
        first.subscribe(List.of(topic));
        second.subscribe(List.of(topic));
        Set<String> seen = new TreeSet<>();
        long until = System.currentTimeMillis() + 30_000;
        while (System.currentTimeMillis() < until) {
          for (var each : List.of(first, second)) {
            each.poll(Duration.ofMillis(100)).forEach(
                record -> seen.add(record.partition() + "/" + record.offset()));
          }
          if (first.assignment().size() == 2 && second.assignment().size() == 2
              && seen.size() == 40) break;
        }
        equal(first.assignment().size() + second.assignment().size(), 4);
        equal(seen.size(), 40);
        first.commitSync();
        second.commitSync(
            second.assignment().stream().collect(
                Collectors.toMap(part -> part, part -> new OffsetAndMetadata(7, "seven"))));
      } finally {
        second.close();
      }
      long until = System.currentTimeMillis() + 30_000;
      List<ConsumerRecord<byte[], byte[]>> again = new ArrayList<>();
      while (System.currentTimeMillis() < until && again.size() < 6) {
        first.poll(Duration.ofMillis(100)).forEach(again::add);
      }
      equal(first.assignment().size(), 4);
      equal(again.stream().map(ConsumerRecord::offset).collect(Collectors.toCollection(TreeSet::new)),
          new TreeSet<>(List.of(7L, 8L, 9L)));
    }
  }

  static void staticMember() throws Exception {
    String topic = topic(2);
    String group = "java-" + UUID.randomUUID();
    numbers(topic, 0, 5);
    Object[] config = {"group.id", group, "group.instance.id", "one", "session.timeout.ms", 10_000};
    String before;
    try (var consumer = consumer(config)) {
      consumer.subscribe(List.of(topic));
      take(consumer, 5);
      consumer.commitSync();
      before = "" + consumer.groupMetadata().generationId();
    }
    try (var consumer = consumer(config)) {
      consumer.subscribe(List.of(topic));
      numbers(topic, 1, 1);
      equal(take(consumer, 1).get(0).partition(), 1);
      equal("" + consumer.groupMetadata().generationId(), before);
    }
    admin.removeMembersFromConsumerGroup(group,
        new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("one")))).all().get();
    var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    equal(described.members().size(), 0);
  }

  static void topics() throws Exception {
    String topic = topic(3, "retention.ms", "3600000");
    fails(TopicExistsException.class,
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all());
    fails(InvalidTopicException.class,
        admin.createTopics(List.of(new NewTopic("bad name!", 1, (short) 1))).all());
    fails(InvalidReplicationFactorException.class,
        admin.createTopics(List.of(new NewTopic(topic + "-r", 1, (short) 9))).all());
    fails(InvalidPartitionsException.class,
        admin.createTopics(List.of(new NewTopic(topic + "-p", 0, (short) 1))).all());
    fails(InvalidConfigurationException.class,
        admin.createTopics(List.of(
            new NewTopic(topic + "-c", 1, (short) 1).configs(Map.of("retention.ms", "x")))).all());
    var defaults = admin.createTopics(
        List.of(new NewTopic(topic + "-d", Optional.empty(), Optional.empty())));
    equal(defaults.replicationFactor(topic + "-d").get(), 1);
    equal(defaults.config(topic + "-d").get().get("cleanup.policy").value(), "delete");
    equal(admin.listTopics().names().get().contains(topic), true);
    var described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    equal(described.partitions().size(), 3);
    var byId = admin.describeTopics(TopicCollection.ofTopicIds(List.of(described.topicId())));
    equal(byId.allTopicIds().get().get(described.topicId()).name(), topic);
    admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
    equal(admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size(), 5);
    fails(InvalidPartitionsException.class,
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all());
    admin.deleteTopics(TopicCollection.ofTopicIds(List.of(described.topicId()))).all().get();
    fails(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(topic)).all());
    fails(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of(topic)).allTopicNames());
  }

  static void configs() throws Exception {
    String topic = topic(1);
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    admin.incrementalAlterConfigs(Map.of(resource, List.of(
        new AlterConfigOp(new ConfigEntry("retention.ms", "7200000"), AlterConfigOp.OpType.SET),
        new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND)
    ))).all().get();
    Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
    equal(config.get("retention.ms").value(), "7200000");
    equal(config.get("retention.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG);
    equal(config.get("cleanup.policy").value(), "delete,compact");
    admin.incrementalAlterConfigs(Map.of(resource, List.of(
        new AlterConfigOp(new ConfigEntry("retention.ms", null), AlterConfigOp.OpType.DELETE)
    ))).all().get();
    config = admin.describeConfigs(List.of(resource),
        new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true))
        .all().get().get(resource);
    equal(config.get("retention.ms").isDefault(), true);
    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
    equal(admin.describeConfigs(List.of(broker)).all().get().get(broker).entries().size() > 20, true);
    equal(admin.listConfigResources().all().get().contains(resource), true);
  }

  static long listed(TopicPartition part, OffsetSpec spec) throws Exception {
    return admin.listOffsets(Map.of(part, spec)).partitionResult(part).get().offset();
  }

  static void offsets() throws Exception {
    TopicPartition part = new TopicPartition(topic(1), 0);
    numbers(part.topic(), 0, 30);
    equal(listed(part, OffsetSpec.earliest()), 0L);
    equal(listed(part, OffsetSpec.latest()), 30L);
    equal(listed(part, OffsetSpec.maxTimestamp()), 29L);
    equal(listed(part, OffsetSpec.earliestLocal()), 0L);
    equal(listed(part, OffsetSpec.forTimestamp(1_700_000_000_010L)), 10L);
    var deleted = admin.deleteRecords(Map.of(part, RecordsToDelete.beforeOffset(12)));
    equal(deleted.lowWatermarks().get(part).get().lowWatermark(), 12L);
    equal(listed(part, OffsetSpec.earliest()), 12L);
    fails(org.apache.kafka.common.errors.OffsetOutOfRangeException.class,
        admin.deleteRecords(Map.of(part, RecordsToDelete.beforeOffset(99))).all());
  }

  static void groups() throws Exception {
    TopicPartition part = new TopicPartition(topic(1), 0);
    String group = "java-" + UUID.randomUUID();
    numbers(part.topic(), 0, 10);
    try (var consumer = consumer("group.id", group)) {
      consumer.subscribe(List.of(part.topic()));
      take(consumer, 10);
      consumer.commitSync();
      var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
      equal(described.groupState(), GroupState.STABLE);
      equal(described.members().iterator().next().assignment().topicPartitions(), Set.of(part));
      fails(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all());
      fails(UnknownMemberIdException.class,
          admin.alterConsumerGroupOffsets(group, Map.of(part, new OffsetAndMetadata(1))).all());
    }
    equal(admin.listGroups().all().get().stream().anyMatch(each -> each.groupId().equals(group)), true);
    equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(part).offset(), 10L);
    admin.alterConsumerGroupOffsets(group, Map.of(part, new OffsetAndMetadata(4))).all().get();
    equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(part).offset(), 4L);
    admin.deleteConsumerGroupOffsets(group, Set.of(part)).all().get();
    equal(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(part) == null, true);
    admin.deleteConsumerGroups(List.of(group)).all().get();
    fails(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all());
    fails(GroupIdNotFoundException.class, admin.describeConsumerGroups(List.of(group)).all());
  }

  static void cluster() throws Exception {
    var cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
    equal(cluster.nodes().get().size(), 1);
    equal(cluster.clusterId().get().isEmpty(), false);
    String topic = topic(2);
    var dirs = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1);
    long found = dirs.values().stream()
        .flatMap(each -> each.replicaInfos().keySet().stream())
        .filter(part -> part.topic().equals(topic)).count();
    equal(found, 2L);
    equal(admin.describeFeatures().featureMetadata().get() != null, true);
  }

  static void logAppendTime() throws Exception {
    String topic = topic(1, "message.timestamp.type", "LogAppendTime");
    long before = System.currentTimeMillis();
    try (var producer = producer("compression.type", "lz4")) {
      long told = send(producer, mixed(topic, 2)).get(11).timestamp();
      equal(told >= before - 1000, true);
      for (var record : read(topic, 0, 12)) {
        equal(record.timestampType(), TimestampType.LOG_APPEND_TIME);
        equal(record.timestamp() >= before - 1000, true);
      }
    }
  }
}
