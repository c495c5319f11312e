package conformance

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Case is one history and what the reference answered.
type Case struct {
	Topic, Name string
	Tags        []string
	Steps       []Node
	Want        []any // one result per step
}

// A Topic is a group of cases, from one file or several.
type Topic struct {
	Name  string
	Cases []*Case
}

// A scenarioFile and a traceFile are as they lie on disk.
type (
	scenarioFile struct {
		Topic string `json:"topic"`
		Cases []struct {
			Name  string   `json:"name"`
			Tags  []string `json:"tags"`
			Steps []Node   `json:"steps"`
		} `json:"cases"`
	}
	traceFile struct {
		Topic string `json:"topic"`
		Cases []struct {
			Name    string `json:"name"`
			Results []any  `json:"results"`
		} `json:"cases"`
	}
)

// Load reads dir/scenarios and the traces of the same names in dir/traces, in the order of the file names.
// A scenario without trace, or with one of another shape, is an error.
func Load(dir string) ([]*Topic, error) {
	var topics []*Topic
	byName := map[string]*Topic{}
	root := filepath.Join(dir, "scenarios")
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".json") {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name, cases, err := loadFile(file, filepath.Join(dir, "traces", rel))
		if err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
		topic := byName[name]
		if topic == nil {
			topic = &Topic{Name: name}
			byName[name] = topic
			topics = append(topics, topic)
		}
		topic.Cases = append(topic.Cases, cases...)
		return nil
	})
	if err == nil && len(topics) == 0 {
		err = fmt.Errorf("no scenarios in %s", root)
	}
	return topics, err
}

func loadFile(scenario, trace string) (topic string, cases []*Case, err error) {
	var s scenarioFile
	if err := readJSON(scenario, &s); err != nil {
		return "", nil, err
	}
	var t traceFile
	if err := readJSON(trace, &t); err != nil {
		return "", nil, err
	}
	if s.Topic == "" || s.Topic != t.Topic || len(s.Cases) != len(t.Cases) {
		return "", nil, fmt.Errorf("topic %q with %d cases, its trace is %q with %d", s.Topic, len(s.Cases), t.Topic, len(t.Cases))
	}
	for i, c := range s.Cases {
		if c.Name != t.Cases[i].Name || len(c.Steps) != len(t.Cases[i].Results) {
			return "", nil, fmt.Errorf("case %q with %d steps, its trace is %q with %d results",
				c.Name, len(c.Steps), t.Cases[i].Name, len(t.Cases[i].Results))
		}
		cases = append(cases, &Case{Topic: s.Topic, Name: c.Name, Tags: c.Tags, Steps: c.Steps, Want: t.Cases[i].Results})
	}
	return s.Topic, cases, nil
}

func readJSON(file string, dst any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, dst)
}
