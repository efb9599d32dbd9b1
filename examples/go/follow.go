// Every change, once:  go build -o follow . && ./follow FILE GROUP
//
// A line of FILE is what was done for an event, and the memory that it was done. In a service of yours
// both are rows of a database, written in one transaction.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Fields that are not named here are passed over: new ones come without a new version of the type.
type changed struct {
	Change  string `json:"change"` // a string, not a closed set: new values come, too
	Version int    `json:"version"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	file, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o644)
	check(err)
	defer file.Close()
	done := map[string]bool{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		done[strings.Fields(lines.Text())[0]] = true
	}

	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(setting("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"), ",")...),
		kgo.ConsumeTopics(setting("TOPIC_PREFIX", "")+"contracts.changed"),
		kgo.ConsumerGroup(os.Args[2]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), // its default reads what never happened, too
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), // nobody else gets the partitions between the work and its commit
	)
	check(err)
	defer client.CloseAllowingRebalance()
	for ctx.Err() == nil {
		client.AllowRebalance()
		fetches := client.PollFetches(ctx)
		for _, failed := range fetches.Errors() {
			if ctx.Err() == nil {
				log.Print(failed.Err)
			}
		}
		fetches.EachRecord(func(record *kgo.Record) { handle(record, file, done) })
		if err := client.CommitUncommittedOffsets(context.WithoutCancel(ctx)); err != nil {
			log.Print("not committed, the events will come again: ", err)
		}
	}
}

func handle(record *kgo.Record, file *os.File, done map[string]bool) {
	id := header(record, "ce_id")
	if done[id] {
		return
	}
	var event changed
	check(json.Unmarshal(record.Value, &event))
	_, err := fmt.Fprintf(file, "%s %s %s %d\n", id, record.Key, event.Change, event.Version)
	check(err)
	done[id] = true
}

func header(record *kgo.Record, name string) string {
	for _, header := range record.Headers {
		if header.Key == name {
			return string(header.Value)
		}
	}
	return ""
}

func setting(name, otherwise string) string {
	if text, given := os.LookupEnv("CONTRACTS_" + name); given {
		return text
	}
	return otherwise
}

// What fails ends the program before its commit: the event comes again.
func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
