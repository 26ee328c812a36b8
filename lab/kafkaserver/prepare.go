package kafkaserver

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/nordvarg/crosscheck/lab/child"
)

// Version is the Kafka that scripts/kafka fetches.
const Version = "4.1.1"

// find returns the java program and the class path. CROSSCHECK_KAFKA names another folder with Kafka's jars, such as
// the libs folder of a distribution.
func find() (java, classes string, err error) {
	if java, err = findJava(); err != nil {
		return "", "", fmt.Errorf("%w: there is no java; install a Java runtime, version 17 or newer (openjdk-17-jre-headless)", ErrNoKafka)
	}
	dir := os.Getenv("CROSSCHECK_KAFKA")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", "", fmt.Errorf("finding the cache folder: %w", err)
		}
		dir = filepath.Join(cache, "crosscheck-lab", "kafka-"+Version)
	}
	jars, err := filepath.Glob(filepath.Join(dir, "kafka_*.jar"))
	if err != nil || len(jars) == 0 {
		return "", "", fmt.Errorf("%w: %s does not hold it; run scripts/kafka, or set CROSSCHECK_KAFKA to the libs folder of a Kafka distribution", ErrNoKafka, dir)
	}
	return java, filepath.Join(dir, "*"), nil
}

func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		if java, err := exec.LookPath(filepath.Join(home, "bin", "java")); err == nil {
			return java, nil
		}
	}
	return exec.LookPath("java")
}

// prepare writes the settings for free ports and formats the data folder.
func (s *Server) prepare(ctx context.Context) error {
	var err error
	if s.ports, err = freePorts(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(s.data()); err != nil {
		return fmt.Errorf("emptying the data folder: %w", err)
	}
	if err := os.WriteFile(s.settingsFile(), []byte(s.settings()), 0o600); err != nil {
		return fmt.Errorf("writing the server's settings: %w", err)
	}
	scram := func(mechanism string) string {
		return fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, User, Password)
	}
	format := s.jvm(ctx, "kafka.tools.StorageTool", "format", "--cluster-id", "Y3Jvc3NjaGVjay1rYWZrYQ", "--config", s.settingsFile(),
		"--add-scram", scram("SCRAM-SHA-256"), "--add-scram", scram("SCRAM-SHA-512"))
	if out, err := format.CombinedOutput(); err != nil {
		return fmt.Errorf("formatting the data folder: %w: %s", err, out[max(0, len(out)-3000):])
	}
	return nil
}

func (s *Server) data() string         { return filepath.Join(s.run, "data") }
func (s *Server) settingsFile() string { return filepath.Join(s.run, "server.properties") }

// settings returns the settings of a node that uses little memory and makes changes visible quickly.
func (s *Server) settings() string {
	jaas := "org.apache.kafka.common.security."
	m := map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        "1",
		"controller.quorum.voters":       "1@" + address(s.ports.controller),
		"controller.listener.names":      "CONTROLLER",
		"listeners":                      fmt.Sprintf("PLAINTEXT://%s,LOGIN://%s,CONTROLLER://%s", address(s.ports.open), address(s.ports.login), address(s.ports.controller)),
		"advertised.listeners":           fmt.Sprintf("PLAINTEXT://%s,LOGIN://%s", address(s.ports.open), address(s.ports.login)),
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                       s.data(),

		"listener.name.login.sasl.enabled.mechanisms":        "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.login.plain.sasl.jaas.config":         fmt.Sprintf(`%splain.PlainLoginModule required user_%s="%s";`, jaas, User, Password),
		"listener.name.login.scram-sha-256.sasl.jaas.config": jaas + "scram.ScramLoginModule required;",
		"listener.name.login.scram-sha-512.sasl.jaas.config": jaas + "scram.ScramLoginModule required;",

		// All is allowed that no rule denies.
		"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"allow.everyone.if.no.acl.found": "true",

		"offsets.topic.replication.factor":         "1",
		"offsets.topic.num.partitions":             "1",
		"transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr":            "1",
		"transaction.state.log.num.partitions":     "1",
		"group.initial.rebalance.delay.ms":         "0",

		"log.cleaner.dedupe.buffer.size":  "2097152",
		"log.cleaner.backoff.ms":          "200",
		"log.retention.check.interval.ms": "200",
		"log.initial.task.delay.ms":       "200",
		"log.segment.delete.delay.ms":     "100",
		"num.network.threads":             "2",
		"num.io.threads":                  "4",
		"message.max.bytes":               "16777216",
	}
	maps.Copy(m, s.options.Settings)
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s=%s\n", k, m[k])
	}
	return b.String()
}

// loaded is the file beside the jars in which scripts/kafka keeps the classes of a server in the form that Java has them
// in memory. With it a server starts with half the work. Java itself leaves a file alone that does not fit.
const loaded = "loaded.jsa"

// jvm is a Java program of Kafka, with little memory and a quick start.
func (s *Server) jvm(ctx context.Context, class string, args ...string) *exec.Cmd {
	options := []string{
		"-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xlog:cds=off", "-Xlog:cds+dynamic=off",
		"-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", s.classes,
	}
	file := filepath.Join(filepath.Dir(s.classes), loaded)
	if _, err := os.Stat(file); err == nil {
		options = append(options, "-XX:SharedArchiveFile="+file)
	}
	cmd := exec.CommandContext(ctx, s.java, slices.Concat(options, []string{class}, args)...)
	cmd.Dir = s.run
	attr := &syscall.SysProcAttr{Setpgid: true} // Ctrl-C in a terminal reaches only the parent
	child.DieWithParent(attr, syscall.SIGKILL)
	cmd.SysProcAttr = attr
	return cmd
}

// command returns the server process, as a child.
func (s *Server) command() (*exec.Cmd, error) {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the server's log: %w", err)
	}
	// The process lives until Stop, not as long as a context.
	cmd := s.jvm(context.Background(), "kafka.Kafka", s.settingsFile()) //nolint:forbidigo // see above
	cmd.Stdout, cmd.Stderr = log, log
	return cmd, nil
}
