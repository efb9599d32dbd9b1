// Every change, once:  mvn -q package && java -cp 'target/classes:target/jars/*' FollowChanges FILE GROUP
//
// A line of FILE is what was done for an event, and the memory that it was done. In a service of yours
// both are rows of a database, written in one transaction.

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

public class FollowChanges {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final Set<String> done = new HashSet<>();

    private FollowChanges(Path file) throws IOException {
        this.file = file;
        if (Files.exists(file)) {
            Files.readAllLines(file).forEach(line -> done.add(line.split(" ")[0]));
        }
    }

    private void handle(ConsumerRecord<String, String> record) throws IOException {
        var id = new String(record.headers().lastHeader("ce_id").value(), UTF_8);
        if (done.contains(id)) {
            return;
        }
        var event = JSON.readTree(record.value());
        var line = "%s %s %s %d%n".formatted(
            id, record.key(), event.get("change").asText(), event.get("version").asLong());
        Files.writeString(file, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        done.add(id);
    }

    public static void main(String[] arguments) throws Exception {
        var environment = System.getenv();
        var settings = Map.<String, Object>of(
            "bootstrap.servers", environment.getOrDefault("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"),
            "group.id", arguments[1],
            "auto.offset.reset", "earliest",
            "isolation.level", "read_committed", // its default reads what never happened, too
            "enable.auto.commit", "false");
        var topic = environment.getOrDefault("CONTRACTS_TOPIC_PREFIX", "") + "contracts.changed";
        var follower = new FollowChanges(Path.of(arguments[0]));
        var text = new StringDeserializer();

        try (var consumer = new KafkaConsumer<>(settings, text, text)) {
            var reader = Thread.currentThread();
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                consumer.wakeup();
                try {
                    reader.join();
                } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                }
            }));
            consumer.subscribe(List.of(topic));
            while (true) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    follower.handle(record);
                }
                consumer.commitSync(); // after the work: after a crash an event comes again
            }
        } catch (WakeupException asked) {
            // Ctrl-C or SIGTERM: the consumer has left its group.
        }
    }
}
