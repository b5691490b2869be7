// Two Go clients against a broker: franz-go, which speaks the newest protocol, and sarama, which
// speaks the one it is told to. Prints one line for each check and exits 1 if any failed.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

var bootstrap string

// sample is a record as either client has it.
type sample struct {
	key, value []byte
	headers    [][2]string
}

func samples() []sample {
	every := make([]byte, 1024)
	for i := range every {
		every[i] = byte(i)
	}
	return []sample{
		{[]byte("k"), []byte("v"), nil},
		{nil, []byte("no key"), nil},
		{[]byte("null value"), nil, nil},
		{[]byte{}, []byte{}, nil},
		{every, every, [][2]string{{"h", "1"}, {"h", "2"}, {"empty", ""}}},
		{[]byte("long"), bytes.Repeat([]byte("x"), 100_000), nil},
	}
}

func (want sample) same(key, value []byte) error {
	if (want.key == nil) != (key == nil) || !bytes.Equal(want.key, key) {
		return fmt.Errorf("key %.40q is not %.40q", key, want.key)
	}
	if (want.value == nil) != (value == nil) || !bytes.Equal(want.value, value) {
		return fmt.Errorf("value %.40q is not %.40q", value, want.value)
	}
	return nil
}

var failed bool

func check(name string, run func() error) {
	start := time.Now()
	err := func() (err error) {
		defer func() {
			if panicked := recover(); panicked != nil {
				err = fmt.Errorf("panic: %v", panicked)
			}
		}()
		return run()
	}()
	if err != nil {
		failed = true
		fmt.Printf("FAIL  %s\n      %s\n", name, strings.ReplaceAll(err.Error(), "\n", "\n      "))
		return
	}
	fmt.Printf("ok    %s (%.1f s)\n", name, time.Since(start).Seconds())
}

var serial = 0

func unique(what string) string {
	serial++
	return fmt.Sprintf("go-%s-%d-%d", what, os.Getpid(), serial)
}

func main() {
	bootstrap = os.Args[1]
	franz()
	saramaChecks()
	if failed {
		os.Exit(1)
	}
}
