package dashboards

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/config"
)

// stage is one stage of a Dockerfile: its instructions, in their order.
type stage []instruction

type instruction struct{ word, arguments string }

func (s stage) last(word string) string {
	for _, i := range slices.Backward(s) {
		if i.word == word {
			return i.arguments
		}
	}
	return ""
}

func dockerfile(t *testing.T) []stage {
	t.Helper()
	var stages []stage
	text := strings.ReplaceAll(string(read(t, "../Dockerfile")), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, arguments, _ := strings.Cut(line, " ")
		if word == "FROM" {
			stages = append(stages, nil)
		}
		if len(stages) == 0 {
			t.Fatalf("%s stands before the first FROM", line)
		}
		n := len(stages) - 1
		stages[n] = append(stages[n], instruction{word, strings.TrimSpace(arguments)})
	}
	return stages
}

func TestTheImageIsOneStaticFileWithoutRoot(t *testing.T) {
	stages := dockerfile(t)
	if len(stages) != 2 {
		t.Fatalf("%d stages, want one to build in and one to ship", len(stages))
	}
	build, final := stages[0], stages[1]
	if !strings.HasPrefix(build.last("FROM"), "golang:1.26 ") || build.last("ENV") != "CGO_ENABLED=0" {
		t.Errorf("built from %q with %q", build.last("FROM"), build.last("ENV"))
	}
	if final.last("FROM") != "scratch" {
		t.Errorf("shipped on %q", final.last("FROM"))
	}
	user, _, _ := strings.Cut(final.last("USER"), ":")
	if user == "" || user == "0" || user == "root" || strings.Trim(user, "0123456789") != "" {
		t.Errorf("runs as %q; platforms can only tell from a number that it is not root", user)
	}
	binary := "/usr/local/bin/crosscheck"
	if final.last("ENTRYPOINT") != `["`+binary+`"]` || !slices.Contains(final, instruction{"COPY", "--from=build /out/crosscheck " + binary}) {
		t.Errorf("starts %s", final.last("ENTRYPOINT"))
	}
	for _, i := range final {
		if i.word == "RUN" || i.word == "ADD" {
			t.Errorf("%s %s: there is nothing to run it in", i.word, i.arguments)
		}
	}
}

// object is as much of Kubernetes' objects as the example uses; whatever else stands in it is a mistake.
type object struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   metadata          `yaml:"metadata"`
	Data       map[string]string `yaml:"data"`
	Spec       struct {
		Replicas int `yaml:"replicas"`
		Selector any `yaml:"selector"`
		Ports    []struct {
			Name       string `yaml:"name"`
			Port       int    `yaml:"port"`
			TargetPort string `yaml:"targetPort"`
		} `yaml:"ports"`
		Template          podTemplate `yaml:"template"`
		Schedule          string      `yaml:"schedule"`
		ConcurrencyPolicy string      `yaml:"concurrencyPolicy"`
		JobTemplate       struct {
			Spec struct {
				BackoffLimit          *int        `yaml:"backoffLimit"`
				ActiveDeadlineSeconds int         `yaml:"activeDeadlineSeconds"`
				Template              podTemplate `yaml:"template"`
			} `yaml:"spec"`
		} `yaml:"jobTemplate"`
	} `yaml:"spec"`
}

type metadata struct {
	Name        string            `yaml:"name"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

type podTemplate struct {
	Metadata metadata `yaml:"metadata"`
	Spec     struct {
		RestartPolicy   string `yaml:"restartPolicy"`
		SecurityContext struct {
			RunAsNonRoot   bool              `yaml:"runAsNonRoot"`
			SeccompProfile map[string]string `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		TerminationGracePeriodSeconds int         `yaml:"terminationGracePeriodSeconds"`
		Containers                    []container `yaml:"containers"`
		Volumes                       []struct {
			Name      string            `yaml:"name"`
			ConfigMap map[string]string `yaml:"configMap"`
		} `yaml:"volumes"`
	} `yaml:"spec"`
}

type container struct {
	Name  string   `yaml:"name"`
	Image string   `yaml:"image"`
	Args  []string `yaml:"args"`
	Env   []env    `yaml:"env"`
	Ports []struct {
		Name          string `yaml:"name"`
		ContainerPort int    `yaml:"containerPort"`
	} `yaml:"ports"`
	LivenessProbe   probe                        `yaml:"livenessProbe"`
	ReadinessProbe  probe                        `yaml:"readinessProbe"`
	Resources       map[string]map[string]string `yaml:"resources"`
	SecurityContext struct {
		RunAsUser                int                 `yaml:"runAsUser"`
		ReadOnlyRootFilesystem   bool                `yaml:"readOnlyRootFilesystem"`
		AllowPrivilegeEscalation *bool               `yaml:"allowPrivilegeEscalation"`
		Capabilities             map[string][]string `yaml:"capabilities"`
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type env struct {
	Name      string `yaml:"name"`
	ValueFrom struct {
		SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		FieldRef     struct {
			FieldPath string `yaml:"fieldPath"`
		} `yaml:"fieldRef"`
	} `yaml:"valueFrom"`
}

type probe struct {
	HTTPGet        struct{ Path, Port string } `yaml:"httpGet"`
	PeriodSeconds  int                         `yaml:"periodSeconds"`
	TimeoutSeconds int                         `yaml:"timeoutSeconds"`
}

func kubernetes(t *testing.T) map[string]object {
	t.Helper()
	var list []object
	err := yaml.Load(read(t, "../docs/examples/kubernetes/crosscheck.yaml"), &list, yaml.WithAllDocuments(), yaml.WithKnownFields(true))
	if err != nil {
		t.Fatal(err)
	}
	byKind := map[string]object{}
	for _, o := range list {
		if o.APIVersion == "" || o.Metadata.Name == "" {
			t.Errorf("an object of kind %q has no version or no name", o.Kind)
		}
		byKind[o.Kind] = o
	}
	if len(byKind) != len(list) {
		t.Errorf("%d objects of %d kinds", len(list), len(byKind))
	}
	return byKind
}

// crosscheckIn is the container of crosscheck in a pod, which must be as closed as it can be.
func crosscheckIn(t *testing.T, pod podTemplate) container {
	t.Helper()
	at := slices.IndexFunc(pod.Spec.Containers, func(c container) bool { return c.Name == "crosscheck" })
	if at < 0 {
		t.Fatal("a pod without crosscheck")
	}
	c := pod.Spec.Containers[at]
	s := c.SecurityContext
	if !pod.Spec.SecurityContext.RunAsNonRoot || s.RunAsUser == 0 || !s.ReadOnlyRootFilesystem ||
		s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities["drop"], []string{"ALL"}) {
		t.Errorf("the container may do more than it needs: %+v", s)
	}
	if len(c.VolumeMounts) != 1 || len(pod.Spec.Volumes) != 1 || c.VolumeMounts[0].Name != pod.Spec.Volumes[0].Name || pod.Spec.Volumes[0].ConfigMap["name"] != "crosscheck" {
		t.Errorf("the configuration is not mounted: %+v, %+v", c.VolumeMounts, pod.Spec.Volumes)
	}
	if i := slices.Index(c.Args, "--config"); i < 0 || i+1 == len(c.Args) || c.Args[i+1] != c.VolumeMounts[0].MountPath+"/config.yaml" {
		t.Errorf("the configuration is not given: %q", c.Args)
	}
	return c
}

func TestKubernetesRunsASidecarAndAGate(t *testing.T) {
	objects := kubernetes(t)
	deployment, gate := objects["Deployment"].Spec.Template, objects["CronJob"].Spec.JobTemplate.Spec
	sidecar, job := crosscheckIn(t, deployment), crosscheckIn(t, gate.Template)
	if len(deployment.Spec.Containers) != 2 {
		t.Error("a sidecar stands beside something")
	}
	if sidecar.Args[0] != "run" || job.Args[0] != "gate" || gate.BackoffLimit == nil || *gate.BackoffLimit != 0 || gate.Template.Spec.RestartPolicy != "Never" {
		t.Errorf("sidecar %q, gate %q, tried again %v", sidecar.Args, job.Args, gate.BackoffLimit)
	}
	if sidecar.LivenessProbe.HTTPGet.Path != "/healthz" {
		t.Errorf("probe: %+v", sidecar.LivenessProbe)
	}
	if sidecar.ReadinessProbe != (probe{}) {
		t.Errorf("a pod of the order service is not ready when its observer is not: %+v", sidecar.ReadinessProbe)
	}
	for _, p := range []string{sidecar.LivenessProbe.HTTPGet.Port, objects["Service"].Spec.Ports[0].TargetPort} {
		if len(sidecar.Ports) != 1 || p != sidecar.Ports[0].Name {
			t.Errorf("port %q is none of %+v", p, sidecar.Ports)
		}
	}
	if a := deployment.Metadata.Annotations; a["prometheus.io/scrape"] != "true" || a["prometheus.io/port"] != "8080" || a["prometheus.io/path"] != "/metrics" {
		t.Errorf("Prometheus is told %v", a)
	}
}

func TestKubernetesSaysWhoAskedTheGate(t *testing.T) {
	job := crosscheckIn(t, kubernetes(t)["CronJob"].Spec.JobTemplate.Spec.Template)
	i := slices.Index(job.Args, "--as")
	if i < 0 || i+1 == len(job.Args) {
		t.Fatalf("a user id without a name asks: %q", job.Args)
	}
	name := strings.TrimSuffix(strings.TrimPrefix(job.Args[i+1], "$("), ")")
	if !slices.ContainsFunc(job.Env, func(e env) bool { return e.Name == name && e.ValueFrom.FieldRef.FieldPath == "metadata.name" }) {
		t.Errorf("--as %s is not the name of the pod: %+v", job.Args[i+1], job.Env)
	}
}

// TestThePipelineSeesAJobThatFails runs the example's lines for a pipeline. A fake kubectl reports how the job ended,
// and waits for its timeout if the condition does not come.
func TestThePipelineSeesAJobThatFails(t *testing.T) {
	var script strings.Builder
	for line := range strings.Lines(string(read(t, "../docs/examples/kubernetes/crosscheck.yaml"))) {
		for _, command := range []string{"kubectl create job", "timeout", "kubectl wait", "kubectl logs"} {
			if given, ok := strings.CutPrefix(line, "#   "); ok && strings.HasPrefix(given, command) {
				script.WriteString(given)
			}
		}
	}
	for conditions, want := range map[string]int{"SuccessCriteriaMet Complete": 0, "FailureTarget Failed": 1} {
		dir := t.TempDir()
		kubectl := `#!/bin/sh
case "$1" in
get) echo "` + conditions + `" ;;
wait) echo "` + conditions + `" | grep -q Complete || { sleep "${3#--timeout=}"; false; } ;;
esac
`
		if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte(kubectl), 0o700); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-euc", script.String())
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "BUILD=7"}
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want || ctx.Err() != nil {
			t.Errorf("a job with the conditions %s: exit code %d (%v), want %d\n%s%s", conditions, got, err, want, script.String(), out)
		}
	}
}

func TestKubernetesGivesAConfigurationThatLoads(t *testing.T) {
	objects := kubernetes(t)
	text := objects["ConfigMap"].Data["config.yaml"]
	for _, c := range []container{
		crosscheckIn(t, objects["Deployment"].Spec.Template), crosscheckIn(t, objects["CronJob"].Spec.JobTemplate.Spec.Template),
	} {
		given := map[string]bool{} // environment variables of the container
		for _, e := range c.Env {
			given[e.Name] = e.ValueFrom.SecretKeyRef.Name == "crosscheck" && e.ValueFrom.SecretKeyRef.Key != ""
		}
		loaded, err := config.Parse("config.yaml", bytes.Clone([]byte(text)), func(name string) (string, bool) {
			return "postgres://crosscheck@db.example:5432/orders", given[name]
		})
		if err != nil {
			t.Fatal(err)
		}
		if loaded.Web.Listen != ":8080" {
			t.Errorf("crosscheck listens on %s, the port of the container is 8080", loaded.Web.Listen)
		}
	}
}
