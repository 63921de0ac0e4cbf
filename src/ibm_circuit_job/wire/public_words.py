"""The words that stay unchanged in a fixture: names of fields, values of enumerations, parts of paths and hosts.

All of these words are published: in IBM's API description, in the documentation of IAM, global search and global
catalog, and in the models of ``ibm-quantum-schemas``. Every other word is replaced. So a word that is missing here
makes a fixture less readable, but never less safe.
"""

from __future__ import annotations

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEYS: Final = _words(
    """
    __type__ __value__ accepting_jobs access_token active_ttl allocation_seconds apiToken apikey array backend
    backend_name backend_version backends basis_gates bss caller calibration_id catalog channel circuit_metadata
    circuits circuits_execution_time_ns clops code conditional configuration context coords cost count counts
    coupling_map created created_after created_before crn data date default_rep_delay description devices
    discriminators display_name doc dt dtm dtype dynamic_reprate_enabled dynamical_decoupling elapsedTime elapsed_time
    en endTime end_time error errorCode errorDetails errorMessage errors exclude_params execution execution_spans
    experimental expiration expires_in extensions family field_names field_types fields finished first gate gates
    general geo_tags grant_type groups group has_more header headers host hub id ims_user_id input_allowed instance_id
    interactive_ttl isDefault is_simulator items instanceId jobs last last_update_date length_queue limit local locale
    log_level max_experiments max_execution_time max_shots max_ttl meas_kernels meas_level meas_levels meas_lo_range
    meas_map meas_return measure_esp_enabled memory memory_slots message metadata mode more_info more_infos n_qubits
    n_registers name next num_bits num_randomizations offset online_date open_pulse operational options outcome
    overview_ui params parameters parametric_pulses pending pending_jobs performance_metrics plan plan_id plans
    position_in_queue prefix previous pricing pricing_type private processor_type program program_id project projects
    properties provider pub_results pubs purpose qasm_def qiskit_version qpu_charge_time_seconds quantum_seconds
    qubit_lo_range qubits queue_length query quasi_dists reason reason_code reasonCode reason_solution refresh_token
    region region_id remote_storage rep_delay rep_delay_range rep_times requestId requestType resource resource_id
    response_type result results revision running runtime sample samples scope search_cursor seconds segment
    seed_simulator service_name service_plan_unique_id services session_id shape shots simulator slices solution sort
    span start stop startTime start_time state status status_code status_msg success sunset_date supported_features
    supported_instructions support_qiskit tags threadId time timestamp timestamps timing_constraints token_type total
    trace twirling type u_channel_lo unit updated_before url urls usage usage_allocation_seconds usage_consumed_seconds
    usage_limit_reached usage_limit_seconds usage_period user_id uuid value version versions wait_time_seconds ws http
    http_status default_shots init_qubits sequence_type extra_slack_distribution skip_reset_qubits scheduling_method
    enable enable_gates enable_measure shots_per_randomization strategy granularity min_length pulse_alignment
    acquire_alignment conditional_latency average median p50 lower upper crn_mask can_tag active visible
    estimated_running_time_seconds estimated_start_time estimated_completion_time
    """
)
"""Names of fields and of query parameters."""

WORDS: Final = _words(
    """
    ASC DESC Bearer Basic apikey true false null None
    Queued Running Completed Cancelled Failed pending complete live deprecated online offline paused internal active
    inactive closed available maintenance dedicated batch job session
    sampler estimator executor noise-learner circuit-runner qasm3-runner
    not_supported cloud_iam urn:ibm:params:oauth:grant-type:apikey
    open flex premium lite standard free paid subscription paygo Open Premium Flex Lite
    us-east eu-de us-south eu-gb jp-tok au-syd ca-tor br-sao eu-es global public bluemix staging production
    quantum-computing service_name:quantum-computing type:resource-instance
    crn name doc tags region service_plan_unique_id resource_id state
    Eagle Heron Falcon Egret Nighthawk Condor Hummingbird Canary Flamingo hardware
    acquire barrier bell ccx ccz ch cp crx cry crz cs csdg cswap csx cu cu1 cu3 cx cy cz dcx delay ecr for_loop h id
    if_else iswap measure measure_2 p play r rccx rcccx reset reset_2 rx rxx ry ryy rz rzx rzz s sdg setf shiftf store
    swap switch_case sx sxdg t tdg u u1 u2 u3 while_loop x xx_minus_yy xx_plus_yy y z
    b j o q qasm3 qobj dynamic_circuits parameters lambda phi theta drag gaussian constant
    T1 T2 anharmonicity frequency readout_error readout_length prob_meas0_prep1 prob_meas1_prep0 gate_error gate_length
    GHz MHz Hz ns us ms s dt meas c lf_100 lf_25
    ndarray BitArray DataBin PubResult SamplerPubResult PrimitiveResult QuantumCircuit Result datetime complex set
    ExecutionSpans DoubleSliceSpan TwirledSliceSpan SliceSpan auto XX XpXm XY4
    f64 bool u8 c128 int float uint8 int64 float64 critical warning info debug INFO WARNING
    """
) | {"Cancelled - Ran too long", "ibm openid", "Pay As You Go", "Pay-As-You-Go", "Open Plan", "µs"}
"""Values of enumerations. A text stays if it is one of these as a whole."""

MESSAGE_WORDS: Final = _words(
    """
    a access account an and any api are argument at authorised authorized authorization authentication backend backends
    be been before bearer by call cannot check circuit circuits client cloud code computing could created crn deleted
    deprecated does enough error exceeded exceeds expected expired failed field for forbidden format found from get
    given has have header header. i iam ibm ibm-api-version id in instance instances internal invalid is it job jobs
    key later less limit list log made maximum may message minute missing more must name no none not number of on one
    only or our parameter parameters params path permission permitted plan please post program provided quantum rate
    read reached refused region request requested required requests resource result results retry seconds server
    service service-crn session should state status submit such supported support tag tags than that the there this
    time to token too try unauthorized unavailable unknown unsupported until usage use used user valid value version
    was were when where which while with within yet you your
    """
)
"""Words that stay in error messages, in lower case."""

MESSAGE_KEYS: Final = _words(
    "message solution reason reason_solution errorMessage errorDetails error description status_msg"
)
"""The fields with messages, which are replaced word by word."""

SEGMENTS: Final = _words(
    """
    api v1 v2 v3 backends cancel catalog close configuration defaults experimental facade identity instance instances
    jobs logs me metrics Network objects properties resources results search session sessions status stream tags token
    type usage users version versions workloads loginWithToken .well-known openid-configuration
    """
)
"""Parts of paths."""

REGION: Final = r"(?:us-east|eu-de|us-south|eu-gb|jp-tok|au-syd|ca-tor|br-sao|eu-es)"
"""The regions of IBM Cloud."""
HOSTS: Final = re.compile(
    rf"(?:(?:private\.)?(?:{REGION}\.)?(?:iam|quantum|globalcatalog|resource-controller|api\.global-search-tagging"
    r"|api\.private\.global-search-tagging)\.)?(?:test\.)?cloud\.ibm\.com|docs\.quantum\.ibm\.com"
    r"|auth\.quantum-computing\.ibm\.com|127\.0\.0\.1|localhost"
)
"""IBM's public hosts, and this machine."""

REQUEST_HEADERS: Final = ("Authorization", "Content-Type", "IBM-API-Version", "Service-CRN")
"""The headers of a request that are recorded."""
REPLY_HEADERS: Final = ("Content-Type", "Retry-After", "Location")
"""The headers of a reply that are recorded. Cookies, dates, trace IDs and names of servers are left out."""
