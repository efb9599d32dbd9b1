// A command from Java:  java -cp 'kafka-clients.jar:slf4j-api.jar' examples/PublishCommand.java ACCOUNT
//
// Java's default partitioner already puts a key into its home partition.

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class PublishCommand {
    public static void main(String[] arguments) throws Exception {
        var environment = System.getenv();
        var servers = environment.getOrDefault("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092");
        var topic = environment.getOrDefault("CONTRACTS_TOPIC_PREFIX", "") + "contracts.commands";
        var account = arguments[0];

        var command = new ProducerRecord<>(topic, account, "{\"contract_type\": \"enterprise\"}");
        var id = UUID.randomUUID().toString();
        Map.of(
            "ce_specversion", "1.0",
            "ce_id", id,
            "ce_source", "/examples/java",
            "ce_type", "com.easytrade.contract.create.v1",
            "content-type", "application/json"
        ).forEach((name, text) -> command.headers().add(name, text.getBytes(StandardCharsets.UTF_8)));

        var settings = Map.<String, Object>of("bootstrap.servers", servers, "acks", "all");
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            var sent = producer.send(command).get();
            System.out.println(id + " is in " + sent.topic() + "/" + sent.partition() + " at " + sent.offset());
        }
    }
}
