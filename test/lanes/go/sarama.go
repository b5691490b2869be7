package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

func saramaConfig(version sarama.KafkaVersion) *sarama.Config {
	config := sarama.NewConfig()
	config.Version = version
	config.Producer.Return.Successes = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Producer.MaxMessageBytes = 2 << 20
	return config
}

func saramaRoundTrip(config *sarama.Config) error {
	topic := unique("s")
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config)
	if err != nil {
		return err
	}
	defer admin.Close()
	detail := &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}
	if err := admin.CreateTopic(topic, detail, false); err != nil {
		return err
	}
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	withHeaders := config.Version.IsAtLeast(sarama.V0_11_0_0)
	for range 5 {
		for _, s := range samples() {
			m := &sarama.ProducerMessage{Topic: topic}
			if s.key != nil {
				m.Key = sarama.ByteEncoder(s.key)
			}
			if s.value != nil {
				m.Value = sarama.ByteEncoder(s.value)
			}
			for _, h := range s.headers {
				if withHeaders {
					header := sarama.RecordHeader{Key: []byte(h[0]), Value: []byte(h[1])}
					m.Headers = append(m.Headers, header)
				}
			}
			messages = append(messages, m)
		}
	}
	if err := producer.SendMessages(messages); err != nil {
		return err
	}
	consumer, err := sarama.NewConsumer([]string{bootstrap}, config)
	if err != nil {
		return err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer partition.Close()
	want := samples()
	timeout := time.After(30 * time.Second)
	for i := range messages {
		select {
		case m := <-partition.Messages():
			// sarama gives an empty key and value back as empty, and null as nil.
			if err := want[i%len(want)].same(m.Key, m.Value); err != nil {
				return fmt.Errorf("record %d: %w", i, err)
			}
			if m.Offset != int64(i) {
				return fmt.Errorf("record %d has the offset %d", i, m.Offset)
			}
		case err := <-partition.Errors():
			return err
		case <-timeout:
			return fmt.Errorf("%d records of %d", i, len(messages))
		}
	}
	return nil
}

type groupHandler struct {
	claims chan int
	seen   chan int64
}

func (h groupHandler) Setup(s sarama.ConsumerGroupSession) error {
	total := 0
	for _, partitions := range s.Claims() {
		total += len(partitions)
	}
	h.claims <- total
	return nil
}
func (groupHandler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (h groupHandler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for m := range c.Messages() {
		s.MarkMessage(m, "")
		h.seen <- m.Offset
	}
	return nil
}

func saramaGroup() error {
	config := saramaConfig(sarama.MaxVersion)
	config.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	config.Consumer.Return.Errors = true
	topic, group := unique("s"), unique("g")
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config)
	if err != nil {
		return err
	}
	defer admin.Close()
	detail := &sarama.TopicDetail{NumPartitions: 4, ReplicationFactor: 1}
	if err := admin.CreateTopic(topic, detail, false); err != nil {
		return err
	}
	start := func() (groupHandler, func() error, error) {
		member, err := sarama.NewConsumerGroup([]string{bootstrap}, group, config)
		if err != nil {
			return groupHandler{}, nil, err
		}
		handler := groupHandler{make(chan int, 100), make(chan int64, 10_000)}
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			for ctx.Err() == nil {
				if member.Consume(ctx, []string{topic}, handler) != nil {
					return
				}
			}
		}()
		return handler, func() error { cancel(); return member.Close() }, nil
	}
	reach := func(h groupHandler, want int) error {
		timeout := time.After(30 * time.Second)
		for {
			select {
			case claims := <-h.claims:
				if claims == want {
					return nil
				}
			case <-timeout:
				return fmt.Errorf("no share of %d partitions", want)
			}
		}
	}
	first, closeFirst, err := start()
	if err != nil {
		return err
	}
	defer closeFirst()
	if err := reach(first, 4); err != nil {
		return err
	}
	second, closeSecond, err := start()
	if err != nil {
		return err
	}
	if err := errors.Join(reach(first, 2), reach(second, 2)); err != nil {
		return err
	}
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	for i := range 40 {
		value := sarama.StringEncoder(fmt.Sprint(i))
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: value}); err != nil {
			return err
		}
	}
	timeout := time.After(30 * time.Second)
	for i := range 40 {
		select {
		case <-first.seen:
		case <-second.seen:
		case <-timeout:
			return fmt.Errorf("%d records of 40", i)
		}
	}
	if err := closeSecond(); err != nil {
		return err
	}
	if err := reach(first, 4); err != nil {
		return err
	}
	select {
	case offset := <-first.seen:
		return fmt.Errorf("a committed record came again, at %d", offset)
	case <-time.After(500 * time.Millisecond):
		return nil
	}
}

func saramaChecks() {
	for _, codec := range []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy,
		sarama.CompressionLZ4, sarama.CompressionZSTD,
	} {
		check("sarama: compression "+codec.String(), func() error {
			config := saramaConfig(sarama.MaxVersion)
			config.Producer.Compression = codec
			return saramaRoundTrip(config)
		})
	}
	for _, version := range []sarama.KafkaVersion{
		sarama.V1_0_0_0, sarama.V2_1_0_0, sarama.V2_8_0_0, sarama.V3_6_0_0,
	} {
		check("sarama: as a client of Kafka "+version.String(), func() error {
			return saramaRoundTrip(saramaConfig(version))
		})
	}
	for name, acks := range map[string]sarama.RequiredAcks{
		"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll,
	} {
		check("sarama: acks "+name, func() error {
			config := saramaConfig(sarama.MaxVersion)
			config.Producer.RequiredAcks = acks
			return saramaRoundTrip(config)
		})
	}
	check("sarama: idempotent", func() error {
		config := saramaConfig(sarama.MaxVersion)
		config.Producer.Idempotent = true
		config.Producer.RequiredAcks = sarama.WaitForAll
		config.Net.MaxOpenRequests = 1
		return saramaRoundTrip(config)
	})
	check("sarama: two members share, one takes over, commits hold", saramaGroup)
}
