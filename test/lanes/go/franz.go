package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func client(opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, opts...)...)
	if err != nil {
		panic(err)
	}
	return cl
}

func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 30*time.Second)
}

func newTopic(adm *kadm.Client, partitions int32) string {
	ctx, cancel := limited()
	defer cancel()
	name := unique("t")
	if _, err := adm.CreateTopic(ctx, partitions, 1, nil, name); err != nil {
		panic(err)
	}
	return name
}

func produceAll(cl *kgo.Client, topic string, times int) error {
	ctx, cancel := limited()
	defer cancel()
	var records []*kgo.Record
	for range times {
		for _, s := range samples() {
			r := &kgo.Record{Topic: topic, Key: s.key, Value: s.value}
			for _, h := range s.headers {
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
			}
			records = append(records, r)
		}
	}
	return cl.ProduceSync(ctx, records...).FirstErr()
}

func take(cl *kgo.Client, count int) ([]*kgo.Record, error) {
	ctx, cancel := limited()
	defer cancel()
	var all []*kgo.Record
	for len(all) < count {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return all, fmt.Errorf("%d records of %d: %w", len(all), count, err)
		}
		for _, e := range fetches.Errors() {
			return all, e.Err
		}
		all = append(all, fetches.Records()...)
	}
	return all, nil
}

func compare(got []*kgo.Record) error {
	want := samples()
	for i, r := range got {
		s := want[i%len(want)]
		if err := s.same(r.Key, r.Value); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if r.Offset != int64(i) || len(r.Headers) != len(s.headers) {
			return fmt.Errorf("record %d came back at %d with %d headers", i, r.Offset, len(r.Headers))
		}
		for j, h := range r.Headers {
			if h.Key != s.headers[j][0] || string(h.Value) != s.headers[j][1] {
				return fmt.Errorf("record %d: header %q=%q", i, h.Key, h.Value)
			}
		}
	}
	return nil
}

func roundTrip(adm *kadm.Client, opts ...kgo.Opt) error {
	topic := newTopic(adm, 1)
	cl := client(append(opts, kgo.ConsumeTopics(topic))...)
	defer cl.Close()
	if err := produceAll(cl, topic, 20); err != nil {
		return err
	}
	got, err := take(cl, 20*len(samples()))
	if err != nil {
		return err
	}
	return compare(got)
}

func franz() {
	cl := client()
	defer cl.Close()
	adm := kadm.NewClient(cl)
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		check("franz-go: compression "+name, func() error {
			return roundTrip(adm, kgo.ProducerBatchCompression(codec))
		})
	}
	for name, acks := range map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck()} {
		check("franz-go: acks "+name, func() error {
			return roundTrip(adm, kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite())
		})
	}
	check("franz-go: two members share, one takes over, commits resume", func() error {
		return franzGroup(adm, kgo.CooperativeStickyBalancer())
	})
	check("franz-go: the same with range", func() error { return franzGroup(adm, kgo.RangeBalancer()) })
	check("franz-go: admin", func() error { return franzAdmin(adm) })
}

func franzGroup(adm *kadm.Client, balancer kgo.GroupBalancer) error {
	topic, group := newTopic(adm, 4), unique("g")
	member := func() *kgo.Client {
		return client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Balancers(balancer),
			kgo.DisableAutoCommit(), kgo.HeartbeatInterval(200*time.Millisecond))
	}
	first := member()
	defer first.Close()
	if err := produceAll(first, topic, 4); err != nil {
		return err
	}
	got, err := take(first, 4*len(samples()))
	if err != nil {
		return err
	}
	ctx, cancel := limited()
	defer cancel()
	if err := first.CommitRecords(ctx, got...); err != nil {
		return err
	}
	second := member()
	balanced := false
	for range 200 {
		polled, stop := context.WithTimeout(ctx, 50*time.Millisecond)
		first.PollFetches(polled)
		second.PollFetches(polled)
		stop()
		described, err := adm.DescribeGroups(ctx, group)
		if err != nil {
			return err
		}
		sizes := []int{}
		for _, m := range described[group].Members {
			if assigned, ok := m.Assigned.AsConsumer(); ok {
				for _, t := range assigned.Topics {
					sizes = append(sizes, len(t.Partitions))
				}
			}
		}
		if described[group].State == "Stable" && len(sizes) == 2 && sizes[0] == 2 && sizes[1] == 2 {
			balanced = true
			break
		}
	}
	second.Close()
	if !balanced {
		return errors.New("the members never shared the partitions evenly")
	}
	if err := produceAll(first, topic, 4); err != nil {
		return err
	}
	// Nothing is committed any more, so a rebalance may give a record twice; none from before comes.
	committed := map[int32]int64{}
	for _, r := range got {
		committed[r.Partition] = max(committed[r.Partition], r.Offset+1)
	}
	type place struct {
		partition int32
		offset    int64
	}
	seen := map[place]bool{}
	for len(seen) < 4*len(samples()) {
		again, err := take(first, 1)
		if err != nil {
			return fmt.Errorf("%d new records: %w", len(seen), err)
		}
		for _, r := range again {
			if r.Offset < committed[r.Partition] {
				return fmt.Errorf("a committed record came again: %d/%d", r.Partition, r.Offset)
			}
			seen[place{r.Partition, r.Offset}] = true
		}
	}
	return nil
}

func franzAdmin(adm *kadm.Client) error {
	ctx, cancel := limited()
	defer cancel()
	topic := newTopic(adm, 2)
	if _, err := adm.CreateTopic(ctx, 1, 1, nil, topic); !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("created twice: %v", err)
	}
	if _, err := adm.UpdatePartitions(ctx, 3, topic); err != nil {
		return err
	}
	topics, err := adm.ListTopics(ctx, topic)
	if err != nil || len(topics[topic].Partitions) != 3 {
		return fmt.Errorf("%d partitions: %v", len(topics[topic].Partitions), err)
	}
	value := "1234567"
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &value}}
	if _, err := adm.AlterTopicConfigs(ctx, set, topic); err != nil {
		return err
	}
	configs, err := adm.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return err
	}
	found := false
	for _, c := range configs[0].Configs {
		found = found || c.Key == "retention.ms" && c.MaybeValue() == value
	}
	if !found {
		return errors.New("the configuration that was set is not told")
	}
	cl := client()
	defer cl.Close()
	if err := produceAll(cl, topic, 5); err != nil {
		return err
	}
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	total := int64(0)
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	if total != int64(5*len(samples())) {
		return fmt.Errorf("%d records at the ends", total)
	}
	dirs, err := adm.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return err
	}
	size := int64(0)
	count := func(p kadm.DescribedLogDirPartition) {
		if p.Topic == topic {
			size += p.Size
		}
	}
	dirs.Each(func(d kadm.DescribedLogDir) { d.Topics.Each(count) })
	if size <= 0 {
		return errors.New("log directories hold nothing of the topic")
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 3, -1)
	group := unique("g")
	if _, err := adm.CommitOffsets(ctx, group, offsets); err != nil {
		return err
	}
	lag, err := adm.Lag(ctx, group)
	if err != nil {
		return err
	}
	if described := lag[group]; described.Error() != nil {
		return described.Error()
	}
	if _, err := adm.DeleteGroups(ctx, group); err != nil {
		return err
	}
	_, err = adm.DeleteTopics(ctx, topic)
	return err
}
